"""Locks between processes: flock on small files. The kernel frees a dead process's locks.

Descriptors are closed on exec, so a started program holds only locks that are passed to it. A
forked child shares its parent's descriptors, so a lock is released explicitly and not by closing
its descriptor.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class FileLock:
    """One open lock file. Two instances on one path exclude each other, even in one process."""

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
        """Close the descriptor here; a process that received it keeps the lock."""
        os.close(self.descriptor)


@contextmanager
def owned(path: Path, wait: Callable[[], None]) -> Iterator[None]:
    """Own the lock for a block. `wait` runs between attempts; it pauses or raises."""
    lock = FileLock(path)
    try:
        while not lock.try_own():
            wait()
        yield
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Return True if a process holds the lock. Only for locks that others do not try meanwhile."""
    lock = FileLock(path)
    try:
        return not lock.try_own()
    finally:
        lock.release()
