"""The embedded server's folder: its files, its configuration, and where it listens."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

MAX_SOCKET_PATH_BYTES = 100  # the kernel's limit is 108 on Linux and 104 on macOS

_MAX_LOG_BYTES = 1 << 20
_LOG_TAIL_LINES = 8


class ValkeyFolder:
    """Paths below `<data folder>/valkey`. Only the one who holds `start_lock` writes here."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir.resolve() / "valkey"
        self.users_lock = self.path / "users.lock"
        self.start_lock = self.path / "start.lock"
        self.server_lock = self.path / "server.lock"
        self.configuration = self.path / "valkey.conf"
        self.log = self.path / "valkey.log"
        self._own_socket = self.path / "valkey.sock"
        self._elsewhere = self.path / "socket-path"

    def create(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)

    def socket(self) -> Path:
        """Return where the running server listens."""
        try:
            return Path(os.fsdecode(self._elsewhere.read_bytes()))
        except FileNotFoundError:
            return self._own_socket

    def url(self) -> str:
        return f"unix://{quote(os.fsencode(self.socket()))}"

    def prepare_start(self) -> None:
        """Clear what a dead server left and write the configuration of the next."""
        self._own_socket.unlink(missing_ok=True)
        self._elsewhere.unlink(missing_ok=True)
        self._rotate_log()
        if not _is_usable(self._own_socket):
            socket = _short_folder() / "valkey.sock"
            self._elsewhere.write_bytes(os.fsencode(socket))
        lines = (f"{name} {value}\n" for name, value in self._settings())
        self.configuration.write_bytes(os.fsencode("".join(lines)))

    def clear_after_stop(self) -> None:
        """Remove the short folder that the server, now gone, listened in."""
        socket = self.socket()
        if socket != self._own_socket:
            with suppress(OSError):
                socket.parent.rmdir()
            self._elsewhere.unlink()

    def log_tail(self) -> str:
        text = self.log.read_text(errors="replace")
        return "\n".join(text.splitlines()[-_LOG_TAIL_LINES:])

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
        yield "save", '""'
        yield "maxmemory-policy", "noeviction"
        yield "daemonize", "no"
        yield "logfile", '""'


def _is_usable(socket: Path) -> bool:
    """Whether a socket can have this path, and a URL hold it (URLs are UTF-8)."""
    try:
        return len(str(socket).encode()) <= MAX_SOCKET_PATH_BYTES
    except UnicodeEncodeError:
        return False


def _short_folder() -> Path:
    folder = tempfile.gettempdir()
    if not _is_usable(Path(folder, "recsvc-12345678", "valkey.sock")):
        folder = "/tmp"  # noqa: S108 - mkdtemp makes a folder of our own in it
    return Path(tempfile.mkdtemp(prefix="recsvc-", dir=folder))


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
