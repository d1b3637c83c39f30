"""A store that is gone, silent or strange: reads answer without the person, writes refuse.

A second is the guard against hanging, far above the deadline of a fifth: the machine that
tests may be busy.
"""

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from recsvc.config import Settings
from recsvc.domain.consent.consent import NO_CONSENT, Purpose
from recsvc.domain.errors import StoreUnavailable
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
QUEUED = b"+OK\r\n" + b"+QUEUED\r\n" * 4
EPOCHS = b"*4\r\n$1\r\n1\r\n$1\r\n1\r\n$-1\r\n$-1\r\n"
NOTHING = b"*0\r\n"
WRITABLE = b":0\r\n"


def timed(request_read: RequestRead, shop: ShopName, customer: CustomerKey) -> RequestData:
    """Read, and fail if it hangs."""
    began = time.monotonic()
    reply = request_read.read(shop, customer)
    assert time.monotonic() - began < HANG_SECONDS
    return reply


def several(request_read: RequestRead, shop: ShopName, customer: CustomerKey) -> set[bool]:
    """Say whether each of ten reads, through an opening breaker, came back empty."""
    return {timed(request_read, shop, customer) == NO_REPLY for _ in range(10)}


@pytest.fixture
def request_read(
    own_connections: Connections, shop: ShopName, customer: CustomerKey
) -> RequestRead:
    """A trip that has worked before, to a customer who permits everything."""
    ConsentStore(own_connections).write(shop, customer, EVERYTHING)
    made = RequestRead(own_connections)
    assert made.read(shop, customer).consent is not None
    return made


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A port that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def trip_to(listener: socket.socket) -> RequestRead:
    port = listener.getsockname()[1]
    return RequestRead(connect(Settings(), f"redis://127.0.0.1:{port}"))


def test_a_killed_store_is_no_reply(
    request_read: RequestRead, own_server: EmbeddedValkey, shop: ShopName, customer: CustomerKey
) -> None:
    """Nothing raises and nobody is taken for consenting."""
    kill_server(own_server.url)

    assert several(request_read, shop, customer) == {True}


def test_a_frozen_store_is_no_reply(
    request_read: RequestRead, own_server: EmbeddedValkey, shop: ShopName, customer: CustomerKey
) -> None:
    """It accepts the request and never answers."""
    with frozen(own_server.url):
        assert several(request_read, shop, customer) == {True}


def test_a_store_that_only_accepts_is_no_reply(
    listener: socket.socket, shop: ShopName, customer: CustomerKey
) -> None:
    """The first connection meets silence."""
    assert several(trip_to(listener), shop, customer) == {True}


def test_a_store_that_cannot_be_connected_to_is_no_reply(
    shop: ShopName, customer: CustomerKey
) -> None:
    """Packets to a full queue are dropped, as a firewall would drop them."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())

        assert several(trip_to(full), shop, customer) == {True}


def test_a_store_that_refuses_is_no_reply(
    listener: socket.socket, shop: ShopName, customer: CustomerKey
) -> None:
    """Nobody listens any more."""
    refused = trip_to(listener)
    listener.close()

    assert several(refused, shop, customer) == {True}


def test_a_name_that_does_not_resolve_is_no_reply(shop: ShopName, customer: CustomerKey) -> None:
    """Looking up a name counts towards the deadline too."""
    lost = RequestRead(connect(Settings(), "redis://store.invalid:6379"))

    assert several(lost, shop, customer) == {True}


class Answering(socketserver.ThreadingTCPServer):
    """Whatever it is asked, it answers `answer`."""

    daemon_threads = True
    answer = b""


class Answer(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while self.request.recv(4096):
            self.request.sendall(self.server.answer)


@pytest.fixture
def strange() -> Iterator[Answering]:
    with Answering(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"+OK\r\n" * 6,
        b"$-1\r\n" * 6,
        b":1\r\n" * 6,
        b"-ERR no\r\n" * 6,
        b"-ERR no\r\n" + QUEUED + b"*4\r\n" + EPOCHS + NOTHING * 2 + WRITABLE,
        b"-NOAUTH Authentication required.\r\n" * 6,
        b"-LOADING Redis is loading the dataset in memory\r\n" * 6,
        QUEUED + b"*-1\r\n",
        QUEUED + b"*1\r\n" + EPOCHS,
        QUEUED + b"*3\r\n" + EPOCHS + NOTHING + WRITABLE,
        QUEUED + b"*3\r\n" + EPOCHS + NOTHING * 2,
        QUEUED + b"*4\r\n*1\r\n$1\r\n1\r\n" + NOTHING * 2 + WRITABLE,
        QUEUED + b"*4\r\n*2\r\n$1\r\n1\r\n$1\r\n1\r\n" + NOTHING * 2 + WRITABLE,
        QUEUED + b"*4\r\n" + EPOCHS.replace(b"\n1", b"\nx") + NOTHING * 2 + WRITABLE,
        QUEUED + b"*4\r\n" + EPOCHS + NOTHING * 2 + b"-READONLY no\r\n",
        QUEUED + b"*4\r\n" + EPOCHS + NOTHING * 2 + b"-MISCONF no\r\n",
        QUEUED[:-9] + b"-READONLY no\r\n" + b"-EXECABORT no\r\n",
        b"*2\r\n" * 6,
    ],
)
def test_a_strange_answer_is_no_reply(
    strange: Answering, shop: ShopName, customer: CustomerKey, answer: bytes
) -> None:
    """Whatever listens at the store's address makes a person of nobody."""
    strange.answer = answer
    request_read = RequestRead(
        connect(Settings(), f"redis://127.0.0.1:{strange.server_address[1]}")
    )

    assert several(request_read, shop, customer) == {True}


@pytest.mark.parametrize("fields", [b"*1\r\n:1\r\n", b"*2\r\n:1\r\n:1\r\n", b":1\r\n", b"*-1\r\n"])
def test_strange_fields_are_unreadable_consent(
    strange: Answering, shop: ShopName, customer: CustomerKey, fields: bytes
) -> None:
    """The epochs still count; the consent does not."""
    strange.answer = QUEUED + b"*4\r\n" + EPOCHS + fields + NOTHING + WRITABLE
    request_read = RequestRead(
        connect(Settings(), f"redis://127.0.0.1:{strange.server_address[1]}")
    )

    assert timed(request_read, shop, customer) == RequestData(None, Epochs(1, 1, 0))


@pytest.mark.parametrize("events", [b"*1\r\n:1\r\n", b"*1\r\n*0\r\n", b"+OK\r\n", b"*-1\r\n"])
def test_strange_events_are_none(
    strange: Answering, shop: ShopName, customer: CustomerKey, events: bytes
) -> None:
    """Consent and epochs still count."""
    strange.answer = QUEUED + b"*4\r\n" + EPOCHS + NOTHING + events + WRITABLE
    request_read = RequestRead(
        connect(Settings(), f"redis://127.0.0.1:{strange.server_address[1]}")
    )
    reply = timed(request_read, shop, customer)

    assert reply == RequestData(NO_CONSENT, Epochs(1, 1, 0))
    assert reply.profile is None


def test_a_restarted_store_costs_no_request_its_answer(
    request_read: RequestRead, own_server: EmbeddedValkey, shop: ShopName, customer: CustomerKey
) -> None:
    """Idle connections that the restart closed are replaced within the request."""
    kill_server(own_server.url)
    own_server.join()

    assert request_read.read(shop, customer).consent is not None


def test_reads_recover_by_themselves(
    request_read: RequestRead, own_server: EmbeddedValkey, shop: ShopName, customer: CustomerKey
) -> None:
    """The open breaker lets one request try, and closes."""
    kill_server(own_server.url)
    several(request_read, shop, customer)
    own_server.join()
    until(lambda: request_read.read(shop, customer).consent is not None)

    assert permits(request_read.read(shop, customer).consent, Purpose.PERSONALIZATION)


def test_late_answers_are_never_given_to_the_next_request(
    request_read: RequestRead, own_server: EmbeddedValkey, shop: ShopName, customer: CustomerKey
) -> None:
    """A frozen store answers old questions when it thaws; nobody listens to those."""
    stranger = CustomerKey(bytes(16))
    with frozen(own_server.url):
        several(request_read, shop, customer)
    until(lambda: request_read.read(shop, stranger).consent is not None)

    assert request_read.read(shop, stranger).consent.is_empty


def test_an_open_breaker_does_not_ask(
    request_read: RequestRead,
    own_server: EmbeddedValkey,
    own_connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
) -> None:
    """A dead store costs nothing after the first few requests."""
    kill_server(own_server.url)
    several(request_read, shop, customer)

    assert own_connections.breaker.is_open


def test_a_write_to_a_dead_store_is_refused(
    own_server: EmbeddedValkey,
    own_connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
) -> None:
    """No acknowledgement without the disk."""
    kill_server(own_server.url)
    with pytest.raises(StoreUnavailable):
        ConsentStore(own_connections).write(shop, customer, EVERYTHING)


def test_a_write_to_a_frozen_store_is_refused(
    own_server: EmbeddedValkey,
    own_connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
) -> None:
    """Silence is no acknowledgement, and is not asked twice."""
    hasty = replace(own_connections, writes=own_connections.reads)
    own_connections.writes.config_resetstat()
    with frozen(own_server.url), pytest.raises(StoreUnavailable):
        ConsentStore(hasty).write(shop, customer, EVERYTHING)

    def asked() -> int:
        calls = own_connections.writes.info("commandstats")
        return calls.get("cmdstat_exec", {"calls": 0})["calls"]

    until(lambda: asked() > 0)

    assert asked() == 1
    assert "cmdstat_evalsha" not in own_connections.writes.info("commandstats")


def test_a_write_after_a_restart_needs_no_help(
    own_server: EmbeddedValkey,
    own_connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
) -> None:
    """A restarted server has forgotten the scripts, and closed the connections."""
    store = ConsentStore(own_connections)
    store.write(shop, customer, EVERYTHING)
    kill_server(own_server.url)
    own_server.join()

    assert permits(store.write(shop, customer, EVERYTHING), Purpose.EMAIL)
