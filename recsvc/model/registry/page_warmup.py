"""Reads the mapped arrays of a model into memory, behind the answers of the first requests.

A request that touches a page of a customer for the first time waits for the disk, or at least for
the kernel, and every other thread of the worker with it. The kernel takes the pages back when it
needs room; a model that would take most of what is free is left alone.
"""

import ctypes
import mmap
import threading
from collections.abc import Iterable
from pathlib import Path

from recsvc.model.artifact.format import Array
from recsvc.model.artifact.npy import READ_WHOLE_BYTES

MOST_OF_AVAILABLE = 0.5
PIECE = 4 << 20  # bytes; a few milliseconds from a disk

_POPULATE_READ = 22  # MADV_POPULATE_READ of Linux 5.14; nothing happens elsewhere
_KB = 1024
_MEMORY = Path("/proc/meminfo")


def warm_behind(arrays: Iterable[Array]) -> None:
    """Read the arrays in a thread of their own."""
    threading.Thread(target=warm, args=(list(arrays),), name="model-warming", daemon=True).start()


def warm(arrays: Iterable[Array]) -> None:
    """Read the arrays, in their order, unless they are too large together."""
    mapped = [array for array in arrays if array.nbytes > READ_WHOLE_BYTES]
    if sum(array.nbytes for array in mapped) > MOST_OF_AVAILABLE * _available():
        return
    for array in mapped:
        if not _read(array):
            return


def _read(array: Array) -> bool:
    """Have the kernel map every page; say whether it can. Other threads go on meanwhile."""
    libc = ctypes.CDLL(None)
    start = array.ctypes.data // mmap.PAGESIZE * mmap.PAGESIZE
    stop = array.ctypes.data + array.nbytes
    for piece in range(start, stop, PIECE):
        words = (ctypes.c_void_p(piece), ctypes.c_size_t(min(PIECE, stop - piece)))
        if libc.madvise(*words, _POPULATE_READ):
            return False
    return True


def _available() -> int:
    """Return how many bytes can be had without swapping; 0 where nobody says."""
    try:
        lines = _MEMORY.read_text().splitlines()
    except OSError:
        return 0
    found = [line.split() for line in lines if line.startswith("MemAvailable:")]
    return int(found[0][1]) * _KB if found else 0
