"""The file of `--leave-out`."""

from pathlib import Path

import pytest

from training.cli_options import customers
from training.errors import InputUnreadable


def test_a_file_has_one_id_a_line(tmp_path: Path) -> None:
    """Empty lines, spaces around an id and a byte order mark are not part of an id."""
    path = tmp_path / "left-out.txt"
    path.write_bytes("\ufeffc1\r\n\n c2 \n".encode())

    assert customers(path) == ["c1", "c2"]


@pytest.mark.parametrize(
    ("content", "text"), [(None, "No such file"), (b"\n", "is empty"), (b"\xff\xfe", "not UTF-8")]
)
def test_an_unusable_file_is_refused(tmp_path: Path, content: bytes | None, text: str) -> None:
    """The error names the file and the right form."""
    path = tmp_path / "left-out.txt"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(InputUnreadable, match=text) as refused:
        customers(path)
    assert "one customer id a line" in str(refused.value)
    assert str(path) in str(refused.value)
