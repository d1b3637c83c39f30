"""The latest time that any worker of one service has seen: eight bytes of shared memory.

Workers read and raise it without a lock. If two raise it at once, the lower value may remain; the
worker that saw the higher one writes it again on its next read.
"""

import mmap
import os
from pathlib import Path

_BYTES = 8


def shared_timestamp(file: Path) -> memoryview:
    """Map the file, created if missing, as a view of one 64-bit integer."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(descriptor, _BYTES)
        return memoryview(mmap.mmap(descriptor, _BYTES)).cast("q")
    finally:
        os.close(descriptor)


def private_timestamp() -> memoryview:
    """Return a view in the memory of this process."""
    return memoryview(bytearray(_BYTES)).cast("q")
