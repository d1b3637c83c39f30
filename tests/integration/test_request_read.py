"""The request's Redis read: each answer fills its own field, and a bad answer is never used."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast
from unittest.mock import patch

import pytest

from recsvc.domain.consent.consent import NO_CONSENT, Purpose
from recsvc.domain.customers.purchase_history import UNREADABLE_TEXT
from recsvc.domain.customers.recent_events import MAX_EVENTS
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections
from recsvc.stores.consents.consents import ConsentStore
from recsvc.stores.request_read import NO_REPLY, Epochs, RequestData, RequestRead
from tests.consents import permits
from tests.model_builders import admitted

EVERYTHING = dict.fromkeys(Purpose, True)
CLIENT_ID = b"*2\r\n$6\r\nCLIENT\r\n$2\r\nID\r\n"


@pytest.fixture
def request_read(connections: Connections) -> RequestRead:
    return RequestRead(connections)


def test_an_unknown_customer_has_no_consent(
    request_read: RequestRead, shop: ShopName, customer: CustomerKey
) -> None:
    """A customer without a record has the empty consent, and the store counts as available."""
    assert RequestData(NO_CONSENT, Epochs(0, 0)) == request_read.read(shop, customer)


def test_an_anonymous_request_reads_the_epochs_alone(
    request_read: RequestRead, shop: ShopName
) -> None:
    """A read without a customer returns the epochs and no consent."""
    assert RequestData(None, Epochs(0, 0)) == request_read.read(shop, None)


def test_it_returns_the_stored_consent_and_epochs(
    request_read: RequestRead, connections: Connections, shop: ShopName, customer: CustomerKey
) -> None:
    """A read returns the consent and the epochs as they are stored."""
    written = ConsentStore(connections).write(shop, customer, EVERYTHING, "2026-11", "web")
    connections.writes.hset(redis_keys.epochs(shop), mapping={"keys": 3, "catalogue": 4})

    assert RequestData(written, Epochs(3, 4)) == request_read.read(shop, customer)


def test_an_acknowledged_withdrawal_is_seen_by_the_next_read(
    request_read: RequestRead, connections: Connections, shop: ShopName, customer: CustomerKey
) -> None:
    """A read never returns a consent that was withdrawn before it: nothing is cached."""
    store = ConsentStore(connections)
    for _ in range(50):
        store.write(shop, customer, {Purpose.PERSONALIZATION: True})
        granted = request_read.read(shop, customer).consent
        store.write(shop, customer, {Purpose.PERSONALIZATION: False})
        withdrawn = request_read.read(shop, customer).consent

        assert permits(granted, Purpose.PERSONALIZATION)
        assert not permits(withdrawn, Purpose.PERSONALIZATION)


def test_a_key_of_another_kind_is_unreadable_consent(
    request_read: RequestRead, connections: Connections, shop: ShopName, customer: CustomerKey
) -> None:
    """A consent key of the wrong Redis type yields no consent; the epochs stay usable."""
    connections.writes.set(redis_keys.customer(shop, customer), "granted")

    assert RequestData(None, Epochs(0, 0)) == request_read.read(shop, customer)


@pytest.mark.parametrize("value", [b"true", b"1", b"granted", b"\xff\x00", b""])
def test_garbage_in_the_hash_permits_nothing(
    request_read: RequestRead,
    connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
    value: bytes,
) -> None:
    """An undecodable consent denies its purpose and is reported as unreadable."""
    connections.writes.hset(redis_keys.customer(shop, customer), "purpose:personalization", value)
    consent = request_read.read(shop, customer).consent

    assert not permits(consent, Purpose.PERSONALIZATION)
    assert consent.unreadable == {"personalization"}


def test_it_returns_the_latest_events_sealed(
    request_read: RequestRead, connections: Connections, shop: ShopName, customer: CustomerKey
) -> None:
    """The newest `MAX_EVENTS` events come first; only the customer's admission opens them."""
    entries = [b"v%d milk" % number for number in range(30)]
    connections.writes.lpush(redis_keys.recent(shop, customer), *entries)
    recent_events = request_read.read(shop, customer).recent_events

    assert recent_events is not None
    assert entries[: -MAX_EVENTS - 1 : -1] == recent_events.open(admitted(customer))
    with pytest.raises(TypeError):
        recent_events.open(admitted(CustomerKey(bytes(16))))


def test_events_of_another_kind_of_key_are_none(
    request_read: RequestRead, connections: Connections, shop: ShopName, customer: CustomerKey
) -> None:
    """Recent events of the wrong Redis type are None; the consent stays usable."""
    ConsentStore(connections).write(shop, customer, EVERYTHING)
    connections.writes.set(redis_keys.recent(shop, customer), "v1 milk")
    reply = request_read.read(shop, customer)

    assert reply.recent_events is None
    assert reply.consent is not None
    assert permits(reply.consent, Purpose.PERSONALIZATION)


def test_it_returns_the_purchase_history_sealed(
    request_read: RequestRead, connections: Connections, shop: ShopName, customer: CustomerKey
) -> None:
    """Each read of a customer has the history; only the customer's own admission opens it."""
    nothing = request_read.read(shop, customer).history
    connections.writes.set(redis_keys.purchases(shop, customer), "1 0 0 0 0 0 -\n")
    history = request_read.read(shop, customer).history

    assert nothing is not None
    assert history is not None
    assert (nothing.open(admitted(customer)), history.open(admitted(customer))) == (
        [],
        [b"1 0 0 0 0 0 -\n"],
    )
    with pytest.raises(TypeError):
        history.open(admitted(CustomerKey(bytes(16))))
    with pytest.raises(TypeError):
        history.open(admitted(customer, Purpose.OFFERS))


def test_each_answer_fills_its_own_field(
    request_read: RequestRead, connections: Connections, shop: ShopName, customer: CustomerKey
) -> None:
    """An offer decision gets consent, events, history, profile and caps, each in its field."""
    written = ConsentStore(connections).write(shop, customer, EVERYTHING)
    connections.writes.lpush(redis_keys.recent(shop, customer), "v1 milk")
    connections.writes.set(redis_keys.profile(shop, customer), "{}")
    connections.writes.hset(redis_keys.caps(shop, customer), "sale", "1")
    connections.writes.set(redis_keys.purchases(shop, customer), "tea")
    data = request_read.read(shop, customer, for_offers=True)
    for_offers = admitted(customer), admitted(customer, Purpose.OFFERS)
    assert data.recent_events is not None
    assert data.history is not None
    assert data.offer_data is not None
    opened = [
        data.recent_events.open(admitted(customer)),
        data.history.open(admitted(customer)),
        *(
            None if sealed is None else sealed.open(*for_offers)
            for sealed in (
                data.offer_data.profile,
                data.offer_data.caps,
            )
        ),
    ]

    assert written == data.consent
    assert opened == [[b"v1 milk"], [b"tea"], [b"{}"], [b"sale", b"1"]]


@pytest.mark.parametrize("for_offers", [False, True])
@pytest.mark.parametrize("change", [-1, 1])
def test_answers_of_another_length_are_not_used(
    connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
    for_offers: bool,
    change: int,
) -> None:
    """An answer more or less than the commands belongs to another request: the store is
    unavailable."""
    request_read = RequestRead(connections)
    exchange = connections.raw_connections.exchange

    def misread(*args: Any) -> list[Any]:
        *queued, answers = exchange(*args)
        versions, *of_customer, persisted = cast("list[Any]", answers)
        of_customer = of_customer[:-1] if change < 0 else [*of_customer, []]
        return [*queued, [versions, *of_customer, persisted]]

    with patch.object(connections.raw_connections, "exchange", misread):
        data = request_read.read(shop, customer, for_offers=for_offers)

    assert data == NO_REPLY


def test_a_history_of_another_kind_of_key_is_unreadable(
    request_read: RequestRead, connections: Connections, shop: ShopName, customer: CustomerKey
) -> None:
    """The list of an older release does not break the read, and differs from no history."""
    connections.writes.lpush(redis_keys.purchases(shop, customer), "1 - - milk")
    data = request_read.read(shop, customer)

    assert data.consent == NO_CONSENT
    assert data.history is not None
    assert data.history.open(admitted(customer)) == [UNREADABLE_TEXT]


@pytest.mark.parametrize("spoil", [{"keys": "many"}, {"catalogue": "1.5"}])
def test_unreadable_epochs_make_the_whole_reply_unusable(
    request_read: RequestRead,
    connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
    spoil: dict[str, str],
) -> None:
    """A worker that cannot read the epochs treats the store as unavailable."""
    ConsentStore(connections).write(shop, customer, EVERYTHING)
    connections.writes.hset(redis_keys.epochs(shop), mapping=spoil)

    assert RequestData(None, None) == request_read.read(shop, customer)


def test_many_threads_never_read_each_others_customer(
    request_read: RequestRead, connections: Connections, shop: ShopName
) -> None:
    """Threads share connections, and each gets the reply to its own request."""
    store = ConsentStore(connections)
    customers = {CustomerKey(os.urandom(16)): f"source-{index}" for index in range(16)}
    for customer, source in customers.items():
        store.write(shop, customer, {Purpose.EMAIL: True}, source=source)

    def sources(customer: CustomerKey) -> set[str | None]:
        replies = [request_read.read(shop, customer) for _ in range(100)]
        return {reply.consent.purposes[Purpose.EMAIL].source for reply in replies}

    with ThreadPoolExecutor(len(customers)) as pool:
        found = list(pool.map(sources, customers))

    assert [{source} for source in customers.values()] == found


def test_a_forked_child_opens_connections_of_its_own(connections: Connections) -> None:
    """A forked process does not reuse its parent's sockets."""
    mine = connections.raw_connections.exchange(CLIENT_ID, 1)
    child = os.fork()
    if not child:
        os._exit(connections.raw_connections.exchange(CLIENT_ID, 1) == mine)
    _, status = os.waitpid(child, 0)

    assert status == 0
    assert connections.raw_connections.exchange(CLIENT_ID, 1) == mine


def test_a_new_connection_costs_no_round_trip_of_its_own(
    request_read: RequestRead, connections: Connections, shop: ShopName
) -> None:
    """A new connection sends no HELLO, CLIENT SETINFO or PING before the read."""
    connections.raw_connections.close_idle()
    connections.writes.config_resetstat()
    request_read.read(shop, None)
    calls = connections.writes.info("commandstats")

    commands = {name for name in calls if "config" not in name and "info" not in name}
    assert commands == {"cmdstat_multi", "cmdstat_hmget", "cmdstat_persist", "cmdstat_exec"}
