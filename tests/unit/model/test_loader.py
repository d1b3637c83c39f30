"""A version that is not exactly what the format says is refused with the reason."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from recsvc.domain.errors import ModelRejected
from recsvc.domain.ids import ShopName
from recsvc.model.format import ARRAYS, FORMAT
from recsvc.model.loader import load
from tests.model_builders import (
    FINGERPRINT,
    SHOP,
    crowded_shop,
    edit_entry,
    edit_manifest,
    flip_last_byte,
    fruit_shop,
    published,
    replace_array,
)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("models"))


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """Return a copy of a published version, to be spoilt."""
    return shutil.copytree(original, tmp_path / original.name)


def refusal(folder: Path, *, full: bool = False, shop: ShopName = SHOP) -> ModelRejected:
    with pytest.raises(ModelRejected) as caught:
        load(folder, shop=shop, fingerprint=FINGERPRINT, full=full)
    return caught.value


def test_a_published_version_loads(folder: Path) -> None:
    """What was published is what is loaded, sampled or whole."""
    for full in (False, True):
        model = load(folder, shop=SHOP, fingerprint=FINGERPRINT, full=full)

        assert folder.name == model.version


@pytest.mark.parametrize("array", list(ARRAYS))
def test_a_flipped_byte_in_any_array_fails_the_full_check(folder: Path, array: str) -> None:
    """Not one byte of an array can change unnoticed."""
    file = folder / f"{array}.npy"
    flip_last_byte(file)

    assert (
        f"{array}.npy: its content is not what was published" == refusal(folder, full=True).detail
    )


@pytest.mark.parametrize("array", list(ARRAYS))
def test_a_missing_array_is_refused(folder: Path, array: str) -> None:
    (folder / f"{array}.npy").unlink()

    assert f"missing file: {array}.npy" == refusal(folder).detail


def test_an_array_missing_from_the_manifest_is_refused(folder: Path) -> None:
    edit_manifest(folder, arrays={})

    assert "missing array in the manifest: bought_together_items" in refusal(folder).detail


def test_an_extra_file_is_refused(folder: Path) -> None:
    np.save(folder / "embeddings.npy", np.zeros(3))

    assert refusal(folder).detail == "unexpected file: embeddings.npy"


def test_a_missing_manifest_is_refused(folder: Path) -> None:
    (folder / "manifest.json").unlink()

    assert refusal(folder).detail == "missing file: manifest.json"


Spoil = Callable[[Path], None]


def spoil(name: str, array: np.ndarray, *, forge: bool = True) -> Spoil:
    return lambda folder: replace_array(folder, name, array, forge=forge)


SPOILT: dict[str, tuple[Spoil, str]] = {
    "shape not the manifest's": (
        spoil("popular_scores", np.ones(3, np.float32), forge=False),
        "popular_scores.npy: holds <f4 of shape (3,), not <f4 of shape (4,)",
    ),
    "shape not the other arrays'": (
        spoil("popular_scores", np.ones(3, np.float32)),
        "popular_scores: 3 elements, which does not fit 4 items",
    ),
    "offsets for another number of rows": (
        spoil("similar_offsets", np.array([0, 4])),
        "similar_offsets: 2 elements, which does not fit 4 items",
    ),
    "two axes": (
        spoil("popular_scores", np.ones((4, 1), np.float32)),
        "the manifest cannot be read",
    ),
    "two axes behind the manifest's back": (
        spoil("popular_scores", np.ones((4, 1), np.float32), forge=False),
        "popular_scores.npy: holds <f4 of shape (4, 1)",
    ),
    "type not the manifest's": (
        spoil("popular_scores", np.ones(4, np.float64), forge=False),
        "popular_scores.npy: holds <f8 of shape (4,)",
    ),
    "type not the format's": (
        spoil("popular_scores", np.ones(4, np.float64)),
        "popular_scores: the manifest says <f8",
    ),
    "other byte order": (
        spoil("popular_scores", np.ones(4, ">f4")),
        "popular_scores: the manifest says >f4",
    ),
    "column order": (
        spoil("popular_scores", np.asfortranarray(np.ones((2, 2), np.float32)), forge=False),
        "popular_scores.npy: its header is not one of a plain array",
    ),
    "NaN": (
        spoil("popular_scores", np.array([1, np.nan, 1, 1], np.float32)),
        "popular_scores: a score is not a finite number",
    ),
    "infinity": (
        spoil("for_you_scores", np.array([1, 1, np.inf], np.float32)),
        "for_you_scores: a score is not a finite number",
    ),
    "a pickled object": (
        spoil("popular_scores", np.array([{}, {}, {}, {}], object), forge=False),
        "popular_scores.npy: holds |O of shape (4,)",
    ),
    "a pickled object that the manifest admits to": (
        spoil("popular_scores", np.array([{}, {}, {}, {}], object)),
        "popular_scores: the manifest says |O",
    ),
    "item row too high": (
        spoil("popular_items", np.array([0, 1, 2, 4], np.int32)),
        "popular_items: a row outside 0..3",
    ),
    "item row below zero": (
        spoil("similar_items", np.array([0, 1, 2, -1], np.int32)),
        "similar_items: a row outside 0..3",
    ),
    "reason's item too high": (
        spoil("for_you_reason_items", np.array([4, -1, -1], np.int32)),
        "for_you_reason_items: a row outside -1..3",
    ),
    "reason without its item": (
        spoil("for_you_reason_items", np.array([-1, -1, -1], np.int32)),
        "for_you_reason_items: an item for a reason that names none, or the reverse",
    ),
    "unknown reason": (
        spoil("for_you_reasons", np.array([2, 99, 1], np.uint8)),
        "for_you_reasons: an unknown reason",
    ),
    "decreasing offsets": (
        spoil("for_you_offsets", np.array([0, 4, 3])),
        "for_you_offsets: decreasing",
    ),
    "offsets that end early": (
        spoil("for_you_offsets", np.array([0, 1, 2])),
        "for_you_offsets: from 0 to 2 where 0 to 3 is right",
    ),
    "offsets that begin late": (
        spoil("for_you_offsets", np.array([1, 2, 3])),
        "for_you_offsets: from 1 to 3 where 0 to 3 is right",
    ),
    "no offsets at all": (
        spoil("for_you_offsets", np.zeros(0, np.int64)),
        "for_you_offsets: 0 elements, which does not fit",
    ),
    "unsorted ids": (
        spoil("item_ids", np.array(["b", "a", "c", "d"], "S")),
        "item_ids: not sorted, or not unique",
    ),
    "an id twice": (
        spoil("item_ids", np.array(["a", "b", "b", "d"], "S")),
        "item_ids: not sorted, or not unique",
    ),
    "an id that is none": (
        spoil("item_ids", np.array(["a", "b", "c/c", "d"], "S")),
        "item_ids: b'c/c' is contains '/'",
    ),
    "an id of broken UTF-8": (
        spoil("item_ids", np.array([b"a", b"b", b"c", b"\xff"], "S")),
        "item_ids: b'\\xff' is not valid UTF-8",
    ),
    "ids too wide": (
        spoil("item_ids", np.array(["a", "b", "c", "d"], "S129")),
        "item_ids: the manifest says |S129",
    ),
    "a customer twice": (
        spoil("customer_keys", np.array([b"k" * 16, b"k" * 16])),
        "customer_keys: not sorted, or not unique",
    ),
    "an unnamed category": (
        spoil("category_names", np.array([b"", b"stone"], "S5")),
        "category_names: b'' is empty",
    ),
}


@pytest.mark.parametrize(("spoil_it", "reason"), SPOILT.values(), ids=SPOILT.keys())
def test_a_spoilt_array_is_refused_at_load(folder: Path, spoil_it: Spoil, reason: str) -> None:
    """Also where whoever spoilt it has made the manifest agree."""
    spoil_it(folder)

    assert reason in refusal(folder).detail


def test_a_shortened_file_is_refused(folder: Path) -> None:
    """Reading past the end of a mapped file would kill the process."""
    file = folder / "popular_scores.npy"
    os.truncate(file, file.stat().st_size - 1)

    assert refusal(folder).detail == "popular_scores.npy: 143 bytes long where 144 are right"


def test_a_lengthened_file_is_refused(folder: Path) -> None:
    with (folder / "popular_scores.npy").open("ab") as stream:
        stream.write(b"\0")

    assert refusal(folder).detail == "popular_scores.npy: 145 bytes long where 144 are right"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY\x01\x00",
        b"\x93NUMPY\x02\x00" + bytes(200),
        b"\x80\x04\x95pickle.",
        b"PK\x03\x04" + bytes(200),
        b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 70_000,
        b"\x93NUMPY\x01\x00\xe8\x03" + b"(" * 1000,
        b"\x93NUMPY\x01\x00\x10\x00" + b"__import__('os')",
        b"\x93NUMPY\x01\x00\x02\x00{}",
        b"\x93NUMPY\x01\x00\x07\x00{[]: 1}",
        b"\x93NUMPY\x01\x00\x02\x00\0\0",
    ],
)
def test_what_is_no_npy_file_is_refused(folder: Path, content: bytes) -> None:
    """Nothing in a header is executed, and nothing in it makes the reader fail otherwise."""
    (folder / "popular_scores.npy").write_bytes(content)

    assert refusal(folder).detail.startswith("popular_scores.npy: ")


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


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"{}",
        b"[" * 100_000,
        b"\xff",
        b'{"format": true}',
        b'{"format": 1}',
    ],
)
def test_a_broken_manifest_is_refused(folder: Path, content: bytes) -> None:
    (folder / "manifest.json").write_bytes(content)

    assert refusal(folder).detail.startswith("the manifest cannot be read: ")


def test_a_huge_manifest_is_refused_unread(folder: Path) -> None:
    with (folder / "manifest.json").open("r+b") as stream:
        stream.truncate(1 << 40)

    assert refusal(folder).detail == "the manifest is larger than 1048576 bytes"


@pytest.mark.parametrize(
    "entry",
    [{"shape": [-1]}, {"shape": []}, {"shape": [2**70]}, {"sha256": "x"}, {"file": "/etc/passwd"}],
)
def test_a_manifest_with_an_impossible_array_is_refused(
    folder: Path, entry: dict[str, object]
) -> None:
    edit_entry(folder, "popular_items", entry)

    assert refusal(folder).detail.startswith("the manifest cannot be read: ")


def test_an_unknown_format_is_named(folder: Path) -> None:
    """Whatever else a later release writes into its manifest."""
    edit_manifest(folder, format=FORMAT + 1, something_new=1)

    rejected = refusal(folder)

    assert rejected.code == "model_format_unknown"
    assert rejected.detail == "format 2 is not known here; this release reads format 1"


def test_another_secret_is_named(folder: Path) -> None:
    edit_manifest(folder, secret_fingerprint="f" * 16)

    rejected = refusal(folder)

    assert rejected.code == "secret_mismatch"
    assert "made under another secret (ffffffffffffffff)" in rejected.detail


def test_another_shops_model_is_refused(folder: Path) -> None:
    assert (
        refusal(folder, shop=ShopName("other")).detail == "made for shop 'default', not for 'other'"
    )


def test_a_renamed_version_is_refused(folder: Path) -> None:
    renamed = folder.rename(folder.with_name("20990101T000000.000Z-00000000"))

    assert f"the manifest is that of version '{folder.name}'" == refusal(renamed).detail


def test_a_file_that_cannot_be_opened_now_is_no_rejection(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many open files says nothing about the version."""

    def refuse(*_: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("recsvc.model.regular_file.os.open", refuse)

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
    monkeypatch.setattr("recsvc.model.loader.SMALL_BYTES", 0)
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
