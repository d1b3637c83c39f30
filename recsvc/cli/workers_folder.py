"""The folder that the workers of one `recsvc serve` share: where they add up their metrics, and
tell each other the latest moment that one of them has seen.

It lies in the machine's temporary folder, never in the data folder, which several machines
may share. Whoever serves holds a lock on it; one whose lock is free was left behind by a
killed service, and the next to start removes it.

A worker that is replaced leaves its two files of counters (64 KiB each, at first) for as long
as the service runs: what it has counted still counts. They are not merged; a service whose
workers keep dying has a greater trouble. No gauge is declared that would need a dead
worker's value taken out (`mark_process_dead`).
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from recsvc.web.routes.metrics_endpoint import MULTIPROCESS_FOLDER

PREFIX = "recsvc-workers-"
MOMENT_FILE = "latest-moment"


@contextmanager
def workers_folder() -> Iterator[None]:
    """Make the folder and name it in the environment; wipe it at the end."""
    _remove_abandoned(Path(tempfile.gettempdir()))
    folder, lock = _make()
    os.environ[MULTIPROCESS_FOLDER] = str(folder)
    try:
        yield
    finally:
        del os.environ[MULTIPROCESS_FOLDER]
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def moment_file() -> Path | None:
    """Return where a worker shares that moment with the others; None outside of the folder."""
    folder = os.environ.get(MULTIPROCESS_FOLDER)
    return None if folder is None else Path(folder) / MOMENT_FILE


def _make() -> tuple[Path, int]:
    """Return a folder and the descriptor that holds its lock, closed when a worker starts."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        with suppress(FileNotFoundError):  # another service took it for an abandoned one
            lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():  # or did so while we waited for the lock
                return folder, lock
            os.close(lock)


def _remove_abandoned(temporary: Path) -> None:
    for folder in temporary.glob(f"{PREFIX}*"):
        with suppress(OSError):  # somebody else's, or already removed by another service
            lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(lock).st_uid == os.geteuid():
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
