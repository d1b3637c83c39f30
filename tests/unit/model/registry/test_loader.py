"""The files of a version: which are required, and how much of them a load reads."""

import os
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from recsvc.model.artifact.format import ALL_ARRAYS
from recsvc.model.registry.loader import load
from tests.model_builders import (
    FINGERPRINT,
    SHOP,
    admitted,
    customer,
    edit_manifest,
    flip_last_byte,
    fruit_shop,
    large_shop,
    published,
    replace_array,
)
from tests.unit.model.refusals import refusal


def test_a_published_version_loads(folder: Path) -> None:
    """A sampled and a full load return the published version."""
    for full in (False, True):
        model = load(folder, shop=SHOP, fingerprint=FINGERPRINT, full=full)

        assert folder.name == model.version


@pytest.mark.parametrize("array", list(ALL_ARRAYS))
def test_a_flipped_byte_in_any_array_fails_the_full_check(folder: Path, array: str) -> None:
    """The full check detects a change of one byte in any array."""
    file = folder / f"{array}.npy"
    flip_last_byte(file)

    assert (
        f"{array}.npy: its content is not what was published" == refusal(folder, full=True).detail
    )


@pytest.mark.parametrize("array", list(ALL_ARRAYS))
def test_a_missing_array_is_refused(folder: Path, array: str) -> None:
    (folder / f"{array}.npy").unlink()

    assert f"missing file: {array}.npy" == refusal(folder).detail


def test_a_model_without_intervals_is_served(tmp_path: Path) -> None:
    """Older versions have no array of intervals."""
    folder = published(tmp_path, replace(fruit_shop(), intervals=None))
    model = load(folder, shop=SHOP, fingerprint=FINGERPRINT, full=True)

    assert not (folder / "item_interval_days.npy").exists()
    assert not len(model.intervals)


def test_a_model_without_purchases_is_served(tmp_path: Path) -> None:
    """Older versions have no arrays of purchases."""
    folder = published(tmp_path, replace(fruit_shop(), purchased=None))
    model = load(folder, shop=SHOP, fingerprint=FINGERPRINT, full=True)

    assert not (folder / "customer_orders.npy").exists()
    assert model.purchased(admitted(customer(1))) is None


def test_some_arrays_of_purchases_without_the_others_are_refused(folder: Path) -> None:
    entries = msgspec.json.decode((folder / "manifest.json").read_bytes())["arrays"]
    del entries["customer_spent"]
    edit_manifest(folder, arrays=entries)
    (folder / "customer_spent.npy").unlink()

    assert refusal(folder).detail == "missing array: customer_spent"


def test_an_array_that_the_manifest_does_not_name_is_refused(folder: Path) -> None:
    """A file that the manifest does not name is refused, even if it is an optional array."""
    entries = msgspec.json.decode((folder / "manifest.json").read_bytes())["arrays"]
    del entries["item_interval_days"]
    edit_manifest(folder, arrays=entries)

    assert refusal(folder).detail == "unexpected file: item_interval_days.npy"


def test_an_extra_file_is_refused(folder: Path) -> None:
    np.save(folder / "embeddings.npy", np.zeros(3))

    assert refusal(folder).detail == "unexpected file: embeddings.npy"


def test_a_linked_array_is_refused(folder: Path, tmp_path: Path) -> None:
    """A symbolic link in place of an array is refused."""
    (folder / "popular_scores.npy").rename(tmp_path / "elsewhere.npy")
    (folder / "popular_scores.npy").symlink_to(tmp_path / "elsewhere.npy")

    assert refusal(folder).detail == "popular_scores.npy is a symbolic link"


def test_a_pipe_is_refused_without_waiting_for_it(folder: Path) -> None:
    (folder / "popular_scores.npy").unlink()
    os.mkfifo(folder / "popular_scores.npy")

    assert refusal(folder).detail == "popular_scores.npy is not a regular file"


def test_a_linked_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    moved = folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(moved)

    assert f"{folder.name} is not a folder" == refusal(folder).detail


def test_a_file_that_cannot_be_opened_now_is_no_rejection(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many open files is no fault of the version, so the error is an OSError."""

    def refuse(*_: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("recsvc.filesystem.regular_file.os.open", refuse)

    with pytest.raises(OSError, match="Too many open files"):
        load(folder, shop=SHOP, fingerprint=FINGERPRINT)


def test_the_load_of_a_small_model_reads_all(folder: Path) -> None:
    """The load of a small model detects damage anywhere."""
    flip_last_byte(folder / "for_you_scores.npy")

    assert "its content is not what was published" in refusal(folder).detail


def test_the_load_of_a_large_model_samples_and_a_full_check_reads_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The load detects NaN at either end; only the full check detects one in the middle."""
    monkeypatch.setattr("recsvc.model.registry.loader.SMALL_BYTES", 0)
    folder = published(tmp_path, large_shop())
    scores = np.full(100_000, 0.5, np.float32)
    scores[5_000] = np.nan
    replace_array(folder, "for_you_scores", scores, forge=True)

    assert load(folder, shop=SHOP, fingerprint=FINGERPRINT).version == folder.name
    assert refusal(folder, full=True).detail == "for_you_scores: a score is not a finite number"

    scores[-1] = np.nan
    replace_array(folder, "for_you_scores", scores, forge=True)

    assert refusal(folder).detail == "for_you_scores: a score is not a finite number"


def test_arrays_are_mapped_and_read_only(folder: Path) -> None:
    """Workers share the pages of one file, and no worker can write to it."""
    popular = load(folder, shop=SHOP, fingerprint=FINGERPRINT).popular().items

    assert not popular.flags.owndata
    assert not popular.flags.writeable
    assert list(fruit_shop().popular.items) == list(popular)
