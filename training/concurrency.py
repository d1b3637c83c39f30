"""Two threads for numerical work, and freed memory returned to the system.

Numerical libraries release the interpreter's lock while they work. Each call uses one BLAS or
OpenMP thread: with several, threads wait for each other on a busy machine (LightGBM took three
times the processor time on two), and sums may differ in their last bits.

glibc raises its mmap threshold (up to 32 MB) after the first large array is freed. Later arrays
then share its heaps, and long-lived arrays fragment them: half of a training's peak memory was
holes. With a fixed threshold every larger array has pages of its own, which are returned when it is
freed. Only the trainer's command line needs this and sets it for its process; a server allocates
small objects.
"""

import ctypes
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_LIMIT_BYTES = 1 << 20
_THREADS = 2


def each(function: Callable[[T], R], arguments: Iterable[T]) -> list[R]:
    """Run the function in two threads; return the results in the order of the arguments."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(function, arguments))


def trim_memory() -> None:
    """Return the free pages of all heaps to the system; those of ended threads keep many."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def return_freed_memory() -> bool:
    """Fix glibc's limits; return False on a system without them."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library, which keeps less
        return False
    return bool(
        mallopt(_M_MMAP_THRESHOLD, _LIMIT_BYTES) and mallopt(_M_TRIM_THRESHOLD, _LIMIT_BYTES)
    )
