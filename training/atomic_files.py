"""Files for people: where they go is checked before anything dear, and they appear whole or not."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from recsvc.filesystem.atomic_write import temporary_in
from training.errors import InputUnreadable

Write = Callable[[Path], object]


def writable(folder: Path) -> Path:
    """Make the folder and see that a file can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with draft(folder) as file:
            file.write_bytes(b"")
    except OSError as fault:
        raise InputUnreadable(
            f"{folder}: no folder that can be written to ({fault.strerror})", code="bad_folder"
        ) from fault
    return folder


@contextmanager
def draft(folder: Path) -> Iterator[Path]:
    """Give a name for a file that is not finished; it is gone afterwards unless it was renamed."""
    file = temporary_in(folder)
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)


def write_files(folder: Path, files: Mapping[str, Write]) -> None:
    """Write each file to a draft and give it its name when it is finished."""
    for name, write in files.items():
        with draft(folder) as file:
            write(file)
            file.replace(folder / name)
