"""The embedded server's folder: its files, its configuration and its socket."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

MAX_SOCKET_PATH_BYTES = 100  # the kernel's limit is 108 on Linux and 104 on macOS

MEMORY_SHARE = 0.5  # of the machine's memory; without a limit the memory guard does not work

_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")
_MAX_LOG_BYTES = 1 << 20
_LOG_TAIL_LINES = 8


class ValkeyFolder:
    """Paths below `<data folder>/valkey`. Only the holder of `start_lock` writes here.

    If the path is too long for a socket, the server listens in a short temporary folder. The file
    `socket-path` records that socket and the identity of the data folder, so a copied data folder
    ignores it.
    """

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir.resolve() / "valkey"
        self.users_lock = self.path / "users.lock"
        self.start_lock = self.path / "start.lock"
        self.server_lock = self.path / "server.lock"
        self.configuration = self.path / "valkey.conf"
        self.log = self.path / "valkey.log"
        self._own_socket = self.path / "valkey.sock"
        self._short_socket_record = self.path / "socket-path"

    def create(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)

    def socket(self) -> Path:
        """Return the socket of the running server."""
        return self._recorded() or self._own_socket

    def url(self) -> str:
        return f"unix://{quote(os.fsencode(self.socket()))}"

    def prepare_start(self) -> None:
        """Remove the files of a dead server and write the configuration of the next."""
        self._own_socket.unlink(missing_ok=True)
        self._rotate_log()
        if _is_usable(self._own_socket):
            self._short_socket_record.unlink(missing_ok=True)
        else:
            self._use_short_socket()
        lines = (f"{name} {value}\n" for name, value in self._settings())
        self.configuration.write_bytes(os.fsencode("".join(lines)))

    def clear_after_stop(self) -> None:
        """Remove the short socket folder of the stopped server."""
        socket = self._recorded()
        if socket is not None:
            with suppress(OSError):
                socket.parent.rmdir()
            self._short_socket_record.unlink()

    def log_tail(self) -> str:
        text = self.log.read_text(errors="replace")
        return "\n".join(text.splitlines()[-_LOG_TAIL_LINES:])

    def _recorded(self) -> Path | None:
        """Return the recorded short socket; None if it was recorded for another folder."""
        try:
            identity, _, socket = self._short_socket_record.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        return Path(os.fsdecode(socket)) if socket and identity == self._identity() else None

    def _use_short_socket(self) -> None:
        """Choose a short socket path; keep a dead server's, since its clients know no other."""
        socket = self._recorded()
        if socket is not None and _is_private(socket.parent):
            socket.unlink(missing_ok=True)
            return
        socket = _short_folder() / "valkey.sock"
        draft = self._short_socket_record.with_suffix(".new")
        draft.write_bytes(self._identity() + b"\n" + os.fsencode(socket))
        draft.replace(self._short_socket_record)

    def _identity(self) -> bytes:
        """Return the folder's device and inode: kept by a move, changed by a copy."""
        facts = self.path.stat()
        return b"%d %d" % (facts.st_dev, facts.st_ino)

    def _rotate_log(self) -> None:
        if self.log.exists() and self.log.stat().st_size > _MAX_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))

    def _settings(self) -> Iterator[tuple[str, str]]:
        yield "port", "0"
        yield "unixsocket", _quoted(self.socket())
        yield "unixsocketperm", "700"
        yield "dir", _quoted(self.path)
        yield "appendonly", "yes"
        yield "appendfsync", "always"
        yield "aof-load-truncated", "yes"
        # An RDB preamble would copy a stream's pages unchanged, with the deleted entries.
        yield "aof-use-rdb-preamble", "no"
        yield "save", '""'
        yield "maxmemory", str(int(memory_of_machine() * MEMORY_SHARE))
        yield "maxmemory-policy", "noeviction"
        yield "daemonize", "no"
        yield "logfile", '""'


def memory_of_machine(container_limit: Path = _CONTAINER_LIMIT) -> int:
    """Return the bytes of physical memory, or the container's limit if it is lower."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(physical, int(container_limit.read_text()))
    except (OSError, ValueError):  # no container, or no limit (`max`)
        return physical


def _is_usable(socket: Path) -> bool:
    """Return True if a socket can have this path and a URL can hold it (URLs are UTF-8)."""
    try:
        return len(str(socket).encode()) <= MAX_SOCKET_PATH_BYTES
    except UnicodeEncodeError:
        return False


def _short_folder() -> Path:
    folder = tempfile.gettempdir()
    if not _is_usable(Path(folder, "recsvc-12345678", "valkey.sock")):
        folder = "/tmp"  # noqa: S108 - mkdtemp makes a folder of our own in it
    return Path(tempfile.mkdtemp(prefix="recsvc-", dir=folder))


def _is_private(folder: Path) -> bool:
    """Return True if only this user can enter the folder; create it if it is missing."""
    try:
        folder.mkdir(0o700)
    except FileExistsError:
        facts = folder.lstat()
    except OSError:
        return False
    else:
        return True
    own_folder = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid()
    return own_folder and facts.st_mode & 0o777 == 0o700


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
