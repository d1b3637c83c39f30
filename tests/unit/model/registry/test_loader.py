"""Which files make a version, how much of them a load reads, and what it leaves them as."""

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
    crowded_shop,
    customer,
    edit_manifest,
    flip_last_byte,
    fruit_shop,
    published,
    replace_array,
)
from tests.unit.model.refusals import refusal


def test_a_published_version_loads(folder: Path) -> None:
    """What was published is what is loaded, sampled or whole."""
    for full in (False, True):
        model = load(folder, shop=SHOP, fingerprint=FINGERPRINT, full=full)

        assert folder.name == model.version


@pytest.mark.parametrize("array", list(ALL_ARRAYS))
def test_a_flipped_byte_in_any_array_fails_the_full_check(folder: Path, array: str) -> None:
    """Not one byte of an array can change unnoticed."""
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
    """As those are that were made before there were any."""
    folder = published(tmp_path, replace(fruit_shop(), intervals=None))
    model = load(folder, shop=SHOP, fingerprint=FINGERPRINT, full=True)

    assert not (folder / "item_interval_days.npy").exists()
    assert not len(model.intervals)


def test_a_model_without_facts_of_customers_is_served(tmp_path: Path) -> None:
    """As those are that were made before there were any."""
    folder = published(tmp_path, replace(fruit_shop(), purchased=None))
    model = load(folder, shop=SHOP, fingerprint=FINGERPRINT, full=True)

    assert not (folder / "customer_orders.npy").exists()
    assert model.purchased(admitted(customer(1))) is None


def test_some_facts_of_customers_without_the_others_are_refused(folder: Path) -> None:
    entries = msgspec.json.decode((folder / "manifest.json").read_bytes())["arrays"]
    del entries["customer_spent"]
    edit_manifest(folder, arrays=entries)
    (folder / "customer_spent.npy").unlink()

    assert refusal(folder).detail == "missing array: customer_spent"


def test_an_array_that_the_manifest_does_not_name_is_refused(folder: Path) -> None:
    """Also one that a version may have."""
    entries = msgspec.json.decode((folder / "manifest.json").read_bytes())["arrays"]
    del entries["item_interval_days"]
    edit_manifest(folder, arrays=entries)

    assert refusal(folder).detail == "unexpected file: item_interval_days.npy"


def test_an_extra_file_is_refused(folder: Path) -> None:
    np.save(folder / "embeddings.npy", np.zeros(3))

    assert refusal(folder).detail == "unexpected file: embeddings.npy"


def test_a_linked_array_is_refused(folder: Path, tmp_path: Path) -> None:
    """A file of the version lies in its folder, not where a link leads."""
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
    """Too many open files says nothing about the version."""

    def refuse(*_: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("recsvc.filesystem.regular_file.os.open", refuse)

    with pytest.raises(OSError, match="Too many open files"):
        load(folder, shop=SHOP, fingerprint=FINGERPRINT)


def test_the_load_of_a_small_model_reads_all(folder: Path) -> None:
    """Damage anywhere is seen before a request meets it."""
    flip_last_byte(folder / "for_you_scores.npy")

    assert "its content is not what was published" in refusal(folder).detail


def test_the_load_of_a_large_model_samples_and_a_full_check_reads_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NaN at either end is seen at load; one in the middle of many only by the full check."""
    monkeypatch.setattr("recsvc.model.registry.loader.SMALL_BYTES", 0)
    folder = published(tmp_path, crowded_shop())
    scores = np.full(100_000, 0.5, np.float32)
    scores[5_000] = np.nan
    replace_array(folder, "for_you_scores", scores, forge=True)

    assert load(folder, shop=SHOP, fingerprint=FINGERPRINT).version == folder.name
    assert refusal(folder, full=True).detail == "for_you_scores: a score is not a finite number"

    scores[-1] = np.nan
    replace_array(folder, "for_you_scores", scores, forge=True)

    assert refusal(folder).detail == "for_you_scores: a score is not a finite number"


def test_arrays_are_mapped_and_read_only(folder: Path) -> None:
    """Workers share the pages of one file, and none can write to it."""
    popular = load(folder, shop=SHOP, fingerprint=FINGERPRINT).popular().items

    assert not popular.flags.owndata
    assert not popular.flags.writeable
    assert list(fruit_shop().popular.items) == list(popular)
