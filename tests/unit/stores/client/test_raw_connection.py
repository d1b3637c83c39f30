"""One deadline for all replies of a request, and for its retry."""

from types import SimpleNamespace

import pytest
import redis

from recsvc.stores.client import raw_connection as read_line
from recsvc.stores.client.raw_connection import RawConnections


class Wire:
    """A connection on which every reply takes `seconds`, until it is `closed` by its server."""

    is_connected = True

    def __init__(self, seconds: float, *, closed: bool = False) -> None:
        self.now, self.closed = 100.0, closed
        self.seconds = seconds
        self.granted: list[float] = []

    def connect(self) -> None: ...

    def disconnect(self) -> None: ...

    def send_packed_command(self, command: list[bytes], check_health: bool) -> None: ...

    def read_response(self, *, timeout: float) -> object:
        self.granted.append(round(timeout, 3))
        self.now += self.seconds
        if self.closed:
            self.closed = False
            raise redis.ConnectionError("closed")
        return b"reply"


def line_of(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> RawConnections:
    monkeypatch.setattr(read_line, "time", SimpleNamespace(monotonic=lambda: wire.now))
    return RawConnections(lambda: wire, timeout_seconds=0.05, deadline_seconds=0.2)


def test_later_replies_get_what_is_left_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four slow replies may not take four times as long as one."""
    wire = Wire(seconds=0.02)
    line_of(wire, monkeypatch).exchange(b"", 4)

    assert wire.granted == [0.05, 0.03, 0.01, 0.001]


def test_the_retry_ends_at_the_same_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that turns out closed late leaves little for the next."""
    wire = Wire(seconds=0.19, closed=True)
    line_of(wire, monkeypatch).exchange(b"", 1)

    assert wire.granted == [0.05, 0.01]
