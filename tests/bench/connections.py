"""Keep-alive connections of the load.

They are raw sockets, because a client library would cost more than the responses it measures.
"""

import re
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.requests import HOST

PATIENCE_SECONDS = 10.0
BROKEN = 0  # in place of a status: the connection was closed before its answer was whole

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_READ_BYTES = 1 << 18


class Connection:
    """One request at a time; `due` is the planned start of the current one."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._dial()

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, request: bytes, due: float) -> None:
        self.due = due
        self._received = bytearray()
        self._size = 0
        self._socket.sendall(request)

    def read(self) -> int | None:
        """Read the available bytes; return the status once the response is complete."""
        try:
            arrived = self._socket.recv(_READ_BYTES)
        except ConnectionError:
            arrived = b""
        if not arrived:
            return BROKEN
        self._received += arrived
        if not self._size:
            self._size = _size(self._received)
        if not self._size or len(self._received) < self._size:
            return None
        return int(self._received[9:12])

    @property
    def body(self) -> bytes:
        return bytes(self._received.partition(b"\r\n\r\n")[2])

    def redial(self) -> None:
        self.close()
        self._dial()

    def close(self) -> None:
        self._socket.close()

    def _dial(self) -> None:
        self._socket = socket.create_connection((HOST, self._port), PATIENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Connections:
    """A set of connections, and those with a complete response."""

    def __init__(self, port: int, number: int) -> None:
        self._poll = select.epoll()
        self._by_descriptor: dict[int, Connection] = {}
        for _ in range(number):
            self._watch(Connection(port))

    def __iter__(self) -> Iterator[Connection]:
        return iter([*self._by_descriptor.values()])

    def answered(self, wait_seconds: float) -> Iterator[tuple[Connection, int]]:
        """Yield each connection with a complete response, and the response's status."""
        for descriptor, _ in self._poll.poll(max(wait_seconds, 0.0)):
            connection = self._by_descriptor[descriptor]
            status = connection.read()
            if status is None:
                continue
            if status == BROKEN:
                self._renew(descriptor, connection)
            yield connection, status

    def close(self) -> None:
        for connection in self:
            connection.close()
        self._poll.close()

    def _renew(self, descriptor: int, connection: Connection) -> None:
        self._poll.unregister(descriptor)
        del self._by_descriptor[descriptor]
        connection.redial()
        self._watch(connection)

    def _watch(self, connection: Connection) -> None:
        self._by_descriptor[connection.fileno()] = connection
        self._poll.register(connection, select.EPOLLIN)


@contextmanager
def connected(port: int, number: int) -> Iterator[Connections]:
    connections = Connections(port, number)
    try:
        yield connections
    finally:
        connections.close()


def _size(received: bytearray) -> int:
    """Return the length of the whole response; 0 while its head is incomplete."""
    head = received.find(b"\r\n\r\n")
    if head < 0:
        return 0
    length = _LENGTH.search(received, 0, head + 2)
    return head + 4 + (int(length[1]) if length else 0)
