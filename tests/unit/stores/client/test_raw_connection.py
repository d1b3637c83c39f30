"""Raw connections: one deadline for all replies of a request, and for its retry."""

from types import SimpleNamespace

import pytest
import redis

from recsvc.stores.client import raw_connection
from recsvc.stores.client.raw_connection import RawConnections


class FakeConnection:
    """A connection whose replies take `seconds` each; `closed`: the server closed it."""

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


def connections_of(connection: FakeConnection, monkeypatch: pytest.MonkeyPatch) -> RawConnections:
    monkeypatch.setattr(raw_connection, "time", SimpleNamespace(monotonic=lambda: connection.now))
    return RawConnections(lambda: connection, timeout_seconds=0.05, deadline_seconds=0.2)


def test_later_replies_get_the_remaining_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The timeout is shared by all replies of a request."""
    connection = FakeConnection(seconds=0.02)
    connections_of(connection, monkeypatch).exchange(b"", 4)

    assert connection.granted == [0.05, 0.03, 0.01, 0.001]


def test_the_retry_ends_at_the_same_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A retry on a new connection gets only the remaining time of the deadline."""
    connection = FakeConnection(seconds=0.19, closed=True)
    connections_of(connection, monkeypatch).exchange(b"", 1)

    assert connection.granted == [0.05, 0.01]
