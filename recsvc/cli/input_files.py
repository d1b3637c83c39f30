"""Files of imports: one rule for missing, empty and unreadable ones.

A file that cannot be read, has a wrong name or has no content is refused. A line that is not UTF-8
is a bad line in NDJSON; in CSV it makes the file unreadable, because a field may span lines.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from recsvc.domain.errors import BadRequest
from recsvc.filesystem.system_faults import system_fault

_BOM = b"\xef\xbb\xbf"
T = TypeVar("T")
NOT_UTF8 = "the line is not UTF-8"


def _numbered_lines(file: Path, suffix: str) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, with their numbers; raise `bad_file` if there is none."""
    if file.suffix.lower() != suffix:
        raise unreadable(file, f"its name must end in {suffix}")
    is_blank = True
    with _opened(file) as stream:
        for number, line in enumerate(stream, 1):
            content = line.removeprefix(_BOM) if number == 1 else line
            if content.strip():
                is_blank = False
                yield number, content
    if is_blank:
        raise unreadable(file, "it is empty")


def read_ndjson(file: Path, read: Callable[[bytes], T]) -> tuple[list[T], list[str]]:
    """Return the content of the good lines, and the number and fault of each bad one."""
    good: list[T] = []
    faults: list[str] = []
    for number, line in _numbered_lines(file, ".ndjson"):
        try:
            line.decode()
            good.append(read(line))
        except UnicodeDecodeError:
            faults.append(f"{number}: {NOT_UTF8}")
        except BadRequest as fault:
            faults.append(f"{number}: {fault.detail}")
    return good, faults


def csv_lines(file: Path) -> Iterator[str]:
    """Yield the lines of a CSV file, blank ones included."""
    with _opened(file) as stream:
        for number, line in enumerate(stream, 1):
            if b"\0" in line:
                raise unreadable(file, "it is not a text file")
            try:
                yield (line.removeprefix(_BOM) if number == 1 else line).decode()
            except UnicodeDecodeError:
                raise unreadable(file, f"line {number} is not UTF-8") from None


def unreadable(file: Path, reason: object) -> BadRequest:
    return BadRequest(f"FILE {file} cannot be read: {reason}", code="bad_file")


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as fault:
        raise BadRequest(f"FILE {system_fault(fault)}", code="bad_file") from None
