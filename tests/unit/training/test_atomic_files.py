"""Output files appear complete or not at all."""

from pathlib import Path

import pytest

from training.atomic_files import write_files


def fail(file: Path) -> None:
    file.write_text("half of")
    raise OSError("the disk is full")


def test_an_unfinished_file_replaces_none(tmp_path: Path) -> None:
    """After a failed write the old file remains and no draft is left."""
    (tmp_path / "report.html").write_text("old")

    with pytest.raises(OSError, match="full"):
        write_files(tmp_path, {"report.html": fail})
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


def test_a_finished_file_has_its_name(tmp_path: Path) -> None:
    """A complete file replaces the old one."""
    for text in ("old", "new"):
        write_files(tmp_path, {"report.html": lambda file, text=text: file.write_text(text)})

    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"report.html": "new"}
