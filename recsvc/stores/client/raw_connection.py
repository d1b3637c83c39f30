"""Connections for the request's Redis read, below redis-py's client.

The client's pipeline costs twice the processor time of the same bytes on a bare connection. It
cannot keep one deadline over name look-up, connect and reply. A failed connection is closed, so its
late reply can never reach the next request.
"""

import os
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as DialTimeout
from typing import Protocol

import redis

_DIALERS = 8  # threads that connect; a hanging name server blocks these, not the requests
_LEAST_SECONDS = 0.001  # a timeout of 0 would make the socket non-blocking


class RawConnection(Protocol):
    """The part of redis-py's connection that this module uses."""

    @property
    def is_connected(self) -> bool: ...
    def connect(self) -> None: ...
    def disconnect(self) -> None: ...
    def send_packed_command(self, command: list[bytes], check_health: bool) -> None: ...
    def read_response(self, *, timeout: float) -> object: ...


class RawConnections:
    """Sends encoded requests and reads their replies before a deadline."""

    def __init__(
        self,
        make_connection: Callable[[], RawConnection],
        timeout_seconds: float,
        deadline_seconds: float,
    ) -> None:
        self._make_connection = make_connection
        self._timeout_seconds = timeout_seconds
        self._deadline_seconds = deadline_seconds
        self._reset()

    def exchange(
        self, request: bytes, replies: int, patience_seconds: float | None = None
    ) -> list[object]:
        """Send the request and return its replies; raise redis-py's errors.

        `patience_seconds` replaces both the timeout and the deadline. The request is sent again at
        most once, on a new connection, if an idle connection turns out to be closed.
        """
        if self._pid != os.getpid():
            self._reset()  # a forked child must not use its parent's sockets
        deadline = time.monotonic() + (patience_seconds or self._deadline_seconds)
        timeout = patience_seconds or self._timeout_seconds
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._make_connection()
        was_connected = connection.is_connected
        try:
            return self._exchange(connection, request, replies, timeout, deadline)
        except redis.ConnectionError:
            if not was_connected:
                raise
        return self._exchange(self._make_connection(), request, replies, timeout, deadline)

    def close_idle(self) -> None:
        while self._idle:
            self._idle.pop().disconnect()

    def close(self) -> None:
        self.close_idle()
        self._dialers.shutdown(wait=False)

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._idle: deque[RawConnection] = deque()
        self._dialers = ThreadPoolExecutor(_DIALERS, thread_name_prefix="dial-store")

    def _exchange(
        self,
        connection: RawConnection,
        request: bytes,
        replies: int,
        timeout_seconds: float,
        deadline: float,
    ) -> list[object]:
        if not connection.is_connected:
            self._dial(connection, deadline)
        try:
            until = min(time.monotonic() + timeout_seconds, deadline)
            connection.send_packed_command([request], check_health=False)
            answers = [
                connection.read_response(timeout=max(until - time.monotonic(), _LEAST_SECONDS))
                for _ in range(replies)
            ]
        except BaseException:
            connection.disconnect()
            raise
        self._idle.append(connection)
        return answers

    def _dial(self, connection: RawConnection, deadline: float) -> None:
        try:
            dialled: Future[None] = self._dialers.submit(connection.connect)
        except RuntimeError:
            raise redis.ConnectionError("this process is ending") from None
        try:
            dialled.result(deadline - time.monotonic())
        except DialTimeout:
            if not dialled.cancel():
                dialled.add_done_callback(lambda _: connection.disconnect())
            raise redis.TimeoutError("no connection before the deadline") from None
