"""A store that is dead, silent or corrupt: reads return no consent, writes are refused.

The guard against hanging is one second, far above the deadline of 0.2 seconds, because the test
machine may be busy.
"""

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from recsvc.config import Settings
from recsvc.domain.consent.consent import NO_CONSENT, Purpose
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client.connection import Connections, connect
from recsvc.stores.consents.consents import ConsentStore
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.stores.request_read import NO_REPLY, Epochs, RequestData, RequestRead
from tests.consents import permits
from tests.integration.servers import frozen, kill_server, until

HANG_SECONDS = 1.0
EVERYTHING = dict.fromkeys(Purpose, True)
QUEUED = b"+OK\r\n" + b"+QUEUED\r\n" * 5
EPOCHS = b"*4\r\n$1\r\n1\r\n$1\r\n1\r\n$-1\r\n$-1\r\n"
NOTHING = b"*0\r\n"
NO_HISTORY = b"$-1\r\n"
WRITABLE = b":0\r\n"


def timed(request_read: RequestRead, shop: ShopName, customer: CustomerKey) -> RequestData:
    """Read, and fail if the read takes longer than HANG_SECONDS."""
    began = time.monotonic()
    reply = request_read.read(shop, customer)
    assert time.monotonic() - began < HANG_SECONDS
    return reply


def empty_reads(request_read: RequestRead, shop: ShopName, customer: CustomerKey) -> set[bool]:
    """Return the set of results of ten reads, while the breaker opens: True for an empty reply."""
    return {timed(request_read, shop, customer) == NO_REPLY for _ in range(10)}


@pytest.fixture
def request_read(
    own_connections: Connections, shop: ShopName, customer: CustomerKey
) -> RequestRead:
    """A read that has succeeded once, for a customer who permits every purpose."""
    ConsentStore(own_connections).write(shop, customer, EVERYTHING)
    reader = RequestRead(own_connections)
    assert reader.read(shop, customer).consent is not None
    return reader


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A port that accepts connections and never replies."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def request_read_of(listener: socket.socket) -> RequestRead:
    port = listener.getsockname()[1]
    return RequestRead(connect(Settings(), f"redis://127.0.0.1:{port}"))


def test_a_killed_store_is_no_reply(
    request_read: RequestRead, own_server: EmbeddedValkey, shop: ShopName, customer: CustomerKey
) -> None:
    """A read from a killed store raises no error and returns no consent."""
    kill_server(own_server.url)

    assert empty_reads(request_read, shop, customer) == {True}


def test_a_frozen_store_is_no_reply(
    request_read: RequestRead, own_server: EmbeddedValkey, shop: ShopName, customer: CustomerKey
) -> None:
    """A store that accepts the request and never answers gives an empty reply."""
    with frozen(own_server.url):
        assert empty_reads(request_read, shop, customer) == {True}


def test_a_store_that_never_answers_is_no_reply(
    listener: socket.socket, shop: ShopName, customer: CustomerKey
) -> None:
    """A first connection without an answer gives an empty reply."""
    assert empty_reads(request_read_of(listener), shop, customer) == {True}


def test_a_store_that_cannot_be_connected_to_is_no_reply(
    shop: ShopName, customer: CustomerKey
) -> None:
    """A connection whose packets are dropped, as by a firewall, gives an empty reply."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())

        assert empty_reads(request_read_of(full), shop, customer) == {True}


def test_a_refused_connection_is_no_reply(
    listener: socket.socket, shop: ShopName, customer: CustomerKey
) -> None:
    """A port without a listener gives an empty reply."""
    refused = request_read_of(listener)
    listener.close()

    assert empty_reads(refused, shop, customer) == {True}


def test_a_name_that_does_not_resolve_is_no_reply(shop: ShopName, customer: CustomerKey) -> None:
    """The deadline includes the name look-up."""
    lost = RequestRead(connect(Settings(), "redis://store.invalid:6379"))

    assert empty_reads(lost, shop, customer) == {True}


class FakeServer(socketserver.ThreadingTCPServer):
    """A server that sends `answer` to every request."""

    daemon_threads = True
    answer = b""


class _AnswerHandler(socketserver.BaseRequestHandler):
    server: FakeServer

    def handle(self) -> None:
        while self.request.recv(4096):
            self.request.sendall(self.server.answer)


@pytest.fixture
def fake_server() -> Iterator[FakeServer]:
    with FakeServer(("127.0.0.1", 0), _AnswerHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"+OK\r\n" * 7,
        b"$-1\r\n" * 7,
        b":1\r\n" * 7,
        b"-ERR no\r\n" * 7,
        b"-ERR no\r\n" + QUEUED + b"*5\r\n" + EPOCHS + NOTHING * 2 + NO_HISTORY + WRITABLE,
        b"-NOAUTH Authentication required.\r\n" * 7,
        b"-LOADING Redis is loading the dataset in memory\r\n" * 7,
        QUEUED + b"*-1\r\n",
        QUEUED + b"*1\r\n" + EPOCHS,
        QUEUED + b"*4\r\n" + EPOCHS + NOTHING + NO_HISTORY + WRITABLE,
        QUEUED + b"*4\r\n" + EPOCHS + NOTHING * 2 + NO_HISTORY,
        QUEUED + b"*5\r\n*1\r\n$1\r\n1\r\n" + NOTHING * 2 + NO_HISTORY + WRITABLE,
        QUEUED + b"*5\r\n*2\r\n$1\r\n1\r\n$1\r\n1\r\n" + NOTHING * 2 + NO_HISTORY + WRITABLE,
        QUEUED + b"*5\r\n" + EPOCHS.replace(b"\n1", b"\nx") + NOTHING * 2 + NO_HISTORY + WRITABLE,
        QUEUED + b"*5\r\n" + EPOCHS + NOTHING * 2 + NO_HISTORY + b"-READONLY no\r\n",
        QUEUED + b"*5\r\n" + EPOCHS + NOTHING * 2 + NO_HISTORY + b"-MISCONF no\r\n",
        QUEUED[:-9] + b"-READONLY no\r\n" + b"-EXECABORT no\r\n",
        b"*2\r\n" * 7,
    ],
)
def test_an_invalid_answer_is_no_reply(
    fake_server: FakeServer, shop: ShopName, customer: CustomerKey, answer: bytes
) -> None:
    """An answer that is not that of the read gives an empty reply and no consent."""
    fake_server.answer = answer
    request_read = RequestRead(
        connect(Settings(), f"redis://127.0.0.1:{fake_server.server_address[1]}")
    )

    assert empty_reads(request_read, shop, customer) == {True}


@pytest.mark.parametrize("fields", [b"*1\r\n:1\r\n", b"*2\r\n:1\r\n:1\r\n", b":1\r\n", b"*-1\r\n"])
def test_invalid_fields_are_unreadable_consent(
    fake_server: FakeServer, shop: ShopName, customer: CustomerKey, fields: bytes
) -> None:
    """Invalid fields of a customer make the consent unreadable; the epochs stay usable."""
    fake_server.answer = QUEUED + b"*5\r\n" + EPOCHS + fields + NOTHING + NO_HISTORY + WRITABLE
    request_read = RequestRead(
        connect(Settings(), f"redis://127.0.0.1:{fake_server.server_address[1]}")
    )

    assert timed(request_read, shop, customer) == RequestData(None, Epochs(1, 1, 0))


@pytest.mark.parametrize("events", [b"*1\r\n:1\r\n", b"*1\r\n*0\r\n", b"+OK\r\n", b"*-1\r\n"])
def test_invalid_events_are_none(
    fake_server: FakeServer, shop: ShopName, customer: CustomerKey, events: bytes
) -> None:
    """Invalid recent events are dropped; consent and epochs stay usable."""
    fake_server.answer = QUEUED + b"*5\r\n" + EPOCHS + NOTHING + events + NO_HISTORY + WRITABLE
    request_read = RequestRead(
        connect(Settings(), f"redis://127.0.0.1:{fake_server.server_address[1]}")
    )
    reply = timed(request_read, shop, customer)

    assert reply == RequestData(NO_CONSENT, Epochs(1, 1, 0))
    assert reply.recent_events is None


def test_a_restarted_store_fails_no_request(
    request_read: RequestRead, own_server: EmbeddedValkey, shop: ShopName, customer: CustomerKey
) -> None:
    """Idle connections that a restart closed are replaced within the request."""
    kill_server(own_server.url)
    own_server.join()

    assert request_read.read(shop, customer).consent is not None


def test_reads_recover_by_themselves(
    request_read: RequestRead, own_server: EmbeddedValkey, shop: ShopName, customer: CustomerKey
) -> None:
    """The open breaker allows one trial request and closes after its success."""
    kill_server(own_server.url)
    empty_reads(request_read, shop, customer)
    own_server.join()
    until(lambda: request_read.read(shop, customer).consent is not None)

    assert permits(request_read.read(shop, customer).consent, Purpose.PERSONALIZATION)


def test_late_answers_are_never_given_to_the_next_request(
    request_read: RequestRead, own_server: EmbeddedValkey, shop: ShopName, customer: CustomerKey
) -> None:
    """The late answers of a frozen store are discarded and never reach another request."""
    other = CustomerKey(bytes(16))
    with frozen(own_server.url):
        empty_reads(request_read, shop, customer)
    until(lambda: request_read.read(shop, other).consent is not None)

    assert request_read.read(shop, other).consent.is_empty


def test_a_dead_store_opens_the_breaker(
    request_read: RequestRead,
    own_server: EmbeddedValkey,
    own_connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
) -> None:
    """The breaker is open after a few reads from a dead store."""
    kill_server(own_server.url)
    empty_reads(request_read, shop, customer)

    assert own_connections.breaker.is_open
