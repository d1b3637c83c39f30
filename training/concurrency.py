"""Two threads for numerical work, and freed memory that goes back to the system.

Numerical libraries release the interpreter's lock while they work. Each call runs on one BLAS or
OpenMP thread of its own: with several, threads wait for each other on a busy machine (LightGBM took
three times the processor time on two), and sums may end in other bits.

glibc raises its mmap threshold (up to 32 MB) after the first large array is freed. Later arrays
then share its heaps, and arrays that live longer fragment them: half of a training's peak memory
was holes. With a fixed threshold every larger array has pages of its own, which are returned when
it is freed. A server answers with small objects and does not need this; the trainer's command line
sets it for its process.
"""

import ctypes
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_LIMIT_BYTES = 1 << 20
_THREADS = 2


def each(function: Callable[[T], R], arguments: Iterable[T]) -> list[R]:
    """Return the results in the order of the arguments."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(function, arguments))


def return_freed_memory() -> bool:
    """Fix glibc's limits; return whether this system has them."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library, which keeps less
        return False
    return bool(
        mallopt(_M_MMAP_THRESHOLD, _LIMIT_BYTES) and mallopt(_M_TRIM_THRESHOLD, _LIMIT_BYTES)
    )
