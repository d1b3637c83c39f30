"""The folder that the workers of one `recsvc serve` share, with their metrics and the latest
timestamp that a worker has seen.

It is in the machine's temporary folder and never in the data folder, which machines may share. The
service holds a lock on it. A folder with a free lock was left by a killed service; the next start
removes it.

The two counter files of a replaced worker (64 KiB each, at first) stay until the service stops, so
that its counts are kept. They are not merged. No gauge is declared that would need the value of a
dead worker removed (`mark_process_dead`).
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
LATEST_TIME_FILE = "latest-moment"


@contextmanager
def workers_folder() -> Iterator[None]:
    """Create the folder and set its environment variable; delete the folder at the end."""
    _remove_abandoned(Path(tempfile.gettempdir()))
    folder, lock = _make()
    os.environ[MULTIPROCESS_FOLDER] = str(folder)
    try:
        yield
    finally:
        del os.environ[MULTIPROCESS_FOLDER]
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def latest_time_file() -> Path | None:
    """Return the file of the shared timestamp; None when this is no worker of `serve`."""
    folder = os.environ.get(MULTIPROCESS_FOLDER)
    return None if folder is None else Path(folder) / LATEST_TIME_FILE


def _make() -> tuple[Path, int]:
    """Return a folder and the descriptor that holds its lock; workers do not inherit it."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        with suppress(FileNotFoundError):  # another service removed it as abandoned
            lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():  # it was not removed while we waited for the lock
                return folder, lock
            os.close(lock)


def _remove_abandoned(temporary: Path) -> None:
    for folder in temporary.glob(f"{PREFIX}*"):
        with suppress(OSError):  # of another user, or already removed by another service
            lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(lock).st_uid == os.geteuid():
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
