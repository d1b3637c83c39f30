"""Read the mapped arrays of a model into memory in the background, after a swap.

The first access to a memory page waits for the disk, or at least for the kernel, and blocks every
other thread of the worker meanwhile. The kernel reclaims the pages when it needs memory; a model
that would take most of the available memory is not read.
"""

import ctypes
import mmap
import threading
from collections.abc import Iterable
from pathlib import Path

from recsvc.model.artifact.format import Array
from recsvc.model.artifact.npy import READ_WHOLE_BYTES

_MAX_SHARE_OF_AVAILABLE = 0.5
_PIECE = 4 << 20  # bytes; a few milliseconds from a disk

_POPULATE_READ = 22  # MADV_POPULATE_READ of Linux 5.14; elsewhere the call fails
_KB = 1024
_MEMORY = Path("/proc/meminfo")


def warm_in_background(arrays: Iterable[Array]) -> None:
    """Read the arrays in a thread."""
    threading.Thread(target=warm, args=(list(arrays),), name="model-warming", daemon=True).start()


def warm(arrays: Iterable[Array]) -> None:
    """Read the arrays in order, unless their total size exceeds the limit."""
    mapped = [array for array in arrays if array.nbytes > READ_WHOLE_BYTES]
    if sum(array.nbytes for array in mapped) > _MAX_SHARE_OF_AVAILABLE * _available():
        return
    for array in mapped:
        if not _read(array):
            return


def _read(array: Array) -> bool:
    """Let the kernel map every page, without the interpreter lock; return False if it cannot."""
    libc = ctypes.CDLL(None)
    start = array.ctypes.data // mmap.PAGESIZE * mmap.PAGESIZE
    stop = array.ctypes.data + array.nbytes
    for piece in range(start, stop, _PIECE):
        arguments = (ctypes.c_void_p(piece), ctypes.c_size_t(min(_PIECE, stop - piece)))
        if libc.madvise(*arguments, _POPULATE_READ):
            return False
    return True


def _available() -> int:
    """Return the bytes available without swapping; 0 if unknown."""
    try:
        lines = _MEMORY.read_text().splitlines()
    except OSError:
        return 0
    found = [line.split() for line in lines if line.startswith("MemAvailable:")]
    return int(found[0][1]) * _KB if found else 0
