"""Writing files so that a crash leaves the old content or the new, never a part of it."""

import os
import secrets
from pathlib import Path

TEMPORARY_PREFIX = ".tmp-"


def temporary_in(folder: Path) -> Path:
    """Return a fresh name in `folder` that readers ignore."""
    return folder / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"


def write_durably(file: Path, *parts: bytes | memoryview) -> None:
    """Write a new file and wait until the disk has it."""
    with file.open("xb") as stream:
        for part in parts:
            stream.write(part)
        stream.flush()
        os.fsync(stream.fileno())


def replace_durably(file: Path, content: bytes) -> None:
    """Replace a small file in one step, and wait until the disk has it."""
    temporary = temporary_in(file.parent)
    write_durably(temporary, content)
    temporary.replace(file)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the folder's names."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
