"""Output files: folders are checked before expensive work, and files appear complete."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from recsvc.filesystem.atomic_write import temporary_in
from training.errors import InputUnreadable

Write = Callable[[Path], object]


def writable(folder: Path) -> Path:
    """Create the folder; raise if files cannot be written to it."""
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
    """Yield the name of an unfinished file, and delete it afterwards unless it was renamed."""
    file = temporary_in(folder)
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)


def write_files(folder: Path, files: Mapping[str, Write]) -> None:
    """Write each file as a draft and rename it when it is complete."""
    for name, write in files.items():
        with draft(folder) as file:
            write(file)
            file.replace(folder / name)
