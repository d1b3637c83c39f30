"""Durable file writes: after a crash a file has its old content or its new content."""

import os
import secrets
from pathlib import Path

TEMPORARY_PREFIX = ".tmp-"


def temporary_in(folder: Path) -> Path:
    """Return an unused temporary name in `folder`; readers ignore its prefix."""
    return folder / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"


def write_durably(file: Path, *parts: bytes | memoryview) -> None:
    """Write a new file and wait until it is on disk."""
    with file.open("xb") as stream:
        for part in parts:
            stream.write(part)
        stream.flush()
        os.fsync(stream.fileno())


def replace_durably(file: Path, content: bytes) -> None:
    """Replace a small file atomically, and wait until it is on disk."""
    temporary = temporary_in(file.parent)
    write_durably(temporary, content)
    temporary.replace(file)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the folder's entries are on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
