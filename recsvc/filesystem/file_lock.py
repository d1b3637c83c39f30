"""Locks between processes: flock on small files. The kernel frees them when a holder dies.

Descriptors are closed on exec, so a started program holds none of them unless it is handed
one. A forked child shares its parent's: releasing is therefore explicit, never left to close.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class FileLock:
    """One open lock file. Two of them on one path exclude each other, also in one process."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def share(self) -> None:
        fcntl.flock(self.descriptor, fcntl.LOCK_SH)

    def try_own(self) -> bool:
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)
        os.close(self.descriptor)

    def close(self) -> None:
        """Let go of it here; a process that was given the descriptor keeps what it holds."""
        os.close(self.descriptor)


@contextmanager
def owned(path: Path, wait: Callable[[], None]) -> Iterator[None]:
    """Own the lock for a block. `wait` is called while somebody else does; it pauses or raises."""
    lock = FileLock(path)
    try:
        while not lock.try_own():
            wait()
        yield
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Whether anybody holds the lock now. Ask only where nobody else may ask or take it."""
    lock = FileLock(path)
    try:
        return not lock.try_own()
    finally:
        lock.release()
