"""The embedded Valkey: one server per data folder, shared by all processes that use it.

Each process holds `users.lock` shared; the last one to leave stops the server. The server holds
`server.lock` as long as it lives, so a second server never starts on the same data, whichever
process was killed. Starts and stops happen under `start.lock`. There are no pid files, and a socket
file is never taken as proof of a running server.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import structlog

from recsvc.domain.errors import RecsvcError, StoreUnavailable
from recsvc.filesystem.file_lock import FileLock, is_held, owned
from recsvc.stores.embedded import process as valkey_process
from recsvc.stores.embedded.folder import ValkeyFolder
from recsvc.stores.embedded.process import Health

_POLL_SECONDS = 0.02
SILENCE_SECONDS = 20.0
LEAVE_SECONDS = 4.0  # a stopping service has ten seconds, and its workers need some of them
_LOG_AFTER_SECONDS = 1.0
_WATCH_SECONDS = 0.5
_MAX_PAUSE_SECONDS = 30.0

_log = structlog.get_logger()


class _Leaving(Exception):
    """This process leaves: its pending waits are cancelled."""


class EmbeddedValkey:
    """One process's membership of the shared server. Not usable in a forked child."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = ValkeyFolder(data_dir)
        self._pid = os.getpid()
        self._membership: FileLock | None = None
        self._leaving = threading.Event()
        self._watcher: threading.Thread | None = None

    @property
    def url(self) -> str:
        return self._folder.url()

    def join(self) -> str:
        """Return the URL of the running server; start the server if necessary.

        Waits without limit while the server loads its data.
        """
        try:
            self._join()
        except OSError as fault:
            raise StoreUnavailable(
                f"no embedded server can run in {self._folder.path}: {fault.strerror or fault}"
            ) from fault
        return self.url

    def leave(self) -> None:
        """Release this process's membership; stop the server if it was the last one.

        A server that hangs, or that another process is waiting for, stays running for the next
        process that joins.
        """
        if self._membership is None or self._pid != os.getpid():
            return
        self._leaving.set()
        if self._watcher is not None:
            self._watcher.join()
        membership, self._membership = self._membership, None
        until = time.monotonic() + LEAVE_SECONDS
        try:
            with owned(self._folder.start_lock, self._waiter(until=until)):
                if membership.try_own():
                    self._stop(until)
        except StoreUnavailable as fault:
            _log.error("embedded_server_left_running", reason=fault.detail)
        finally:
            membership.release()

    def supervise(self) -> None:
        """Start a thread that restarts a dead server until this process leaves."""
        self._watcher = threading.Thread(target=self._watch, name="watch-valkey", daemon=True)
        self._watcher.start()

    def __enter__(self) -> "EmbeddedValkey":
        self.join()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()

    def _join(self) -> None:
        self._folder.create()
        self._leaving.clear()
        with owned(self._folder.start_lock, self._waiter()):
            self._ensure_running()
            if self._membership is None:
                self._membership = FileLock(self._folder.users_lock)
                self._membership.share()

    def _watch(self) -> None:
        pause = _WATCH_SECONDS
        while not self._leaving.wait(pause):
            if valkey_process.health(self._folder) is not Health.SILENT:
                pause = _WATCH_SECONDS
                continue
            _log.warning("embedded_server_silent", folder=str(self._folder.path))
            try:
                with owned(self._folder.start_lock, self._waiter()):
                    self._ensure_running()
            except _Leaving:
                return
            except (RecsvcError, OSError) as fault:
                pause = min(pause * 2, _MAX_PAUSE_SECONDS)
                _log.error("embedded_server_not_restarted", reason=str(fault), again_in=pause)

    def _ensure_running(self) -> None:
        """Return when the server answers. The caller holds `start.lock`."""
        while True:
            started = self._start_if_dead()
            if self._answers():
                return
            if started:
                raise StoreUnavailable(f"the embedded server ended:\n{self._folder.log_tail()}")

    def _start_if_dead(self) -> bool:
        lock = FileLock(self._folder.server_lock)
        try:
            dead = lock.try_own()
            if dead:
                valkey_process.start(self._folder, lock)
        finally:
            lock.close()
        return dead

    def _answers(self) -> bool:
        """Wait until the server is ready; return False if it is dead."""
        wait = self._waiter("the embedded server has not answered yet")
        silent_until = time.monotonic() + SILENCE_SECONDS
        while (health := valkey_process.health(self._folder)) is not Health.READY:
            if not is_held(self._folder.server_lock):
                return False
            if health is Health.LOADING:
                silent_until = time.monotonic() + SILENCE_SECONDS
            elif time.monotonic() > silent_until:
                raise StoreUnavailable(
                    f"an embedded server runs in {self._folder.path} but does not answer"
                )
            wait()
        return True

    def _stop(self, until: float) -> None:
        """Stop the server and wait until it has released its lock."""
        valkey_process.ask_to_stop(self._folder)
        wait = self._waiter("the embedded server has not stopped yet", until)
        while is_held(self._folder.server_lock):
            wait()
        self._folder.clear_after_stop()

    def _waiter(
        self,
        reason: str = "another process is starting or stopping the embedded server",
        until: float | None = None,
    ) -> Callable[[], None]:
        """Return a wait function that logs the reason once and fails after the limit.

        The limit is `until`; without it, the wait ends as soon as this process leaves.
        """
        log_at: float | None = time.monotonic() + _LOG_AFTER_SECONDS

        def wait() -> None:
            nonlocal log_at
            now = time.monotonic()
            if log_at is not None and now > log_at:
                log_at = None
                _log.warning("waiting", reason=reason, folder=str(self._folder.path))
            if until is None and self._leaving.is_set():
                raise _Leaving
            if until is not None and now > until:
                raise StoreUnavailable(f"{reason}, in {self._folder.path}")
            time.sleep(_POLL_SECONDS)

        return wait
