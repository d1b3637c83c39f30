"""A manifest that is malformed or belongs to another version is refused with the reason."""

from pathlib import Path

import pytest

from recsvc.domain.values.ids import ShopName
from tests.model_builders import edit_entry, edit_manifest
from tests.unit.model.refusals import refusal


def test_an_array_missing_from_the_manifest_is_refused(folder: Path) -> None:
    edit_manifest(folder, arrays={})

    assert "missing array in the manifest: category_names, " in refusal(folder).detail


def test_a_missing_manifest_is_refused(folder: Path) -> None:
    (folder / "manifest.json").unlink()

    assert refusal(folder).detail == "missing file: manifest.json"


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

    assert f"the manifest belongs to version '{folder.name}'" == refusal(renamed).detail
