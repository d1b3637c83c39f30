"""Events in any order and repetition give the same state; without consent they only count."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsvc.config import Settings
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.customers.purchase_history import decode
from recsvc.domain.events import Event, EventType, Outcome
from recsvc.domain.values.customer_keys import CustomerKey, Secret
from recsvc.domain.values.ids import CustomerId, ItemId, ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections
from recsvc.stores.consents.consents import ConsentStore
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.stores.events.event_arguments import IncomingEvent
from recsvc.stores.events.events import EventStore
from recsvc.usecases.events import HISTORY_CHANGES, RECENT_KINDS
from recsvc.wiring.stores import stores_at
from tests.consents import policy_clock
from tests.contract.grocery import ITEMS, Service, publish_grocery

KEYS = {name: CustomerKey(name.encode() * 16) for name in "abc"}
GRANTED = {
    "a": {Purpose.ANALYTICS: True, Purpose.PERSONALIZATION: True},
    "b": {Purpose.PERSONALIZATION: True},
    "c": {Purpose.ANALYTICS: False},
}
BY_ITEM = [each for each in EventType if not each.startswith("offer_")]

few_examples = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def events_to_send(draw: st.DrawFn) -> list[IncomingEvent]:
    """Draw events with distinct ids, of customers and of browsers."""
    count = draw(st.integers(1, 30))
    return [_incoming(draw, number) for number in range(count)]


def _incoming(draw: st.DrawFn, number: int) -> IncomingEvent:
    customer = draw(st.sampled_from(["a", "a", "b", "c", None]))
    kind = draw(st.sampled_from(BY_ITEM))
    event = Event(
        f"m-{number}",
        kind,
        timestamp_us=draw(st.sampled_from([0, 1, 59])) * 1_000_000 + draw(st.integers(0, 999_999)),
        customer_id=None if customer is None else CustomerId(customer),
        item_id=ItemId(draw(st.sampled_from(["milk", "brot", "äpfel"]))),
        price=draw(st.sampled_from([None, 0.1])),
        order_id=draw(
            st.sampled_from(["A", "B"] if kind is EventType.REFUND else [None, "A", "B"])
        ),
    )
    return IncomingEvent(
        event,
        None if customer is None else KEYS[customer],
        RECENT_KINDS.get(kind),
        HISTORY_CHANGES.get(kind),
        counts=draw(st.booleans()),
        counts_once_for=draw(st.sampled_from([None, "s", "t"])),
    )


@st.composite
def batches_of(draw: st.DrawFn, events: Sequence[IncomingEvent]) -> list[list[IncomingEvent]]:
    """Draw batches with all events in any order, some of them repeated."""
    again = draw(st.lists(st.sampled_from(events), max_size=15))
    order = draw(st.permutations([*events, *again]))
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=4)))
    edges = [0, *cuts, len(order)]
    return [order[start:stop] for start, stop in pairwise(edges)]


@dataclass(frozen=True)
class StoredState:
    """The stored state of a shop's events, without digests and arrival times."""

    log: list[tuple[str, ...]]
    recent: dict[str, list[bytes]]
    purchases: dict[str, Counter[object]]
    counts: dict[bytes, float]


def stored_purchases(connections: Connections, shop: ShopName, key: CustomerKey) -> Counter[object]:
    """Return the stored history without digests, which differ between shops."""
    history = decode(connections.writes.get(redis_keys.purchases(shop, key)) or b"")
    parts = [(part.minute, frozenset(Counter(part.lines).items())) for part in history.parts]
    refunds = [(each.minute, each.item_id, each.units) for each in history.refunds]
    return Counter([*history.items, *history.dismissals, *parts, *refunds])


def stored_state(connections: Connections, shop: ShopName) -> StoredState:
    redis = connections.writes
    log = []
    for _, fields in redis.xrange(redis_keys.events(shop)):
        event = json.loads(fields[b"event"])
        del event["received_at"]
        log.append((json.dumps(event, sort_keys=True), str(fields.get(b"customer"))))
    recent = {name: redis.lrange(redis_keys.recent(shop, key), 0, -1) for name, key in KEYS.items()}
    purchases = {name: stored_purchases(connections, shop, key) for name, key in KEYS.items()}
    counts: dict[bytes, float] = {}
    for name in redis.keys(f"{redis_keys.counts(shop)}:*"):
        counts.update(redis.zrange(name, 0, -1, withscores=True))
    return StoredState(sorted(log), recent, purchases, counts)


def new_shop(
    connections: Connections, events: Sequence[IncomingEvent]
) -> tuple[ShopName, list[IncomingEvent]]:
    """Return a new shop whose customers have given consents, and the events moved to yesterday."""
    shop = ShopName(f"shop-{uuid4().hex[:12]}")
    for name, purposes in GRANTED.items():
        ConsentStore(connections).write(shop, KEYS[name], purposes)
    began_us = (connections.writes.time()[0] // 86_400 - 1) * 86_400_000_000
    return shop, [
        replace(each, event=replace(each.event, timestamp_us=each.event.timestamp_us + began_us))
        for each in events
    ]


@few_examples
@given(data=st.data(), events=events_to_send())
def test_each_event_counts_once_in_any_batches(
    connections: Connections, secret: Secret, data: st.DataObject, events: list[IncomingEvent]
) -> None:
    """Any batches, order and repetition of the same events give the same stored state."""
    store = EventStore(connections, secret, 1000, policy_clock())
    plain, in_order = new_shop(connections, events)
    other, again = new_shop(connections, events)
    first = store.add(plain, in_order)
    outcomes = [
        (each.event.message_id, outcome)
        for batch in data.draw(batches_of(again))
        for each, outcome in zip(batch, store.add(other, batch), strict=True)
    ]

    assert first == [Outcome.NEW] * len(events)
    new = [message_id for message_id, outcome in outcomes if outcome is Outcome.NEW]
    assert sorted(new) == sorted(each.event.message_id for each in events)
    assert {outcome for _, outcome in outcomes} <= {Outcome.NEW, Outcome.DUPLICATE}
    assert stored_state(connections, plain) == stored_state(connections, other)


CANARIES = ("canary-customer", "canary-session", "canary-message", "canary-order")


@pytest.fixture(scope="module")
def service(valkey: EmbeddedValkey, settings: Settings) -> Iterator[Service]:
    stores = stores_at(settings, valkey.url)
    shop = ShopName(f"private-{uuid4().hex[:12]}")
    publish_grocery(stores, shop)
    yield Service(stores, shop)
    stores.connections.close()


def stored_bytes(service: Service, *, without: set[str]) -> bytes:
    """Return the names and values of all of the shop's keys, except some."""
    redis = service.stores.connections.writes
    names = set(redis.scan_iter(f"{{{service.shop}}}:*")) - {name.encode() for name in without}
    with redis.pipeline(transaction=False) as types, redis.pipeline(transaction=False) as values:
        for name in names:
            types.type(name)
        readers = {
            b"string": values.get,
            b"hash": values.hgetall,
            b"list": lambda name: values.lrange(name, 0, -1),
            b"set": values.smembers,
            b"zset": lambda name: values.zrange(name, 0, -1),
            b"stream": values.xrange,
        }
        for name, kind in zip(names, types.execute(), strict=True):
            readers[kind](name)
        stored = values.execute()
    return b"".join(name + repr(value).encode() for name, value in zip(names, stored, strict=True))


def consent_keys(service: Service, key: CustomerKey) -> set[str]:
    """Return the keys that store the customer's consents under the hash."""
    shop = service.shop
    return {
        redis_keys.customer(shop, key),
        redis_keys.history_of(shop, key),
        redis_keys.history(shop),
    }


@few_examples
@given(
    kinds=st.lists(st.sampled_from(list(EventType)), min_size=1, max_size=8),
    by_browser=st.booleans(),
    refused=st.sampled_from([None, {"personalization": False, "analytics": False}]),
)
def test_without_consent_nothing_in_the_store_mentions_the_customer(
    service: Service, kinds: list[EventType], by_browser: bool, refused: dict[str, bool] | None
) -> None:
    """Without consent the store has only item counts: no id, hash, session or order."""
    customer = CustomerId(f"canary-customer-{uuid4().hex}")
    key = service.stores.hasher(service.shop).key_of(customer)
    if refused is not None:
        service.consent(customer, refused)
    sent = [
        {
            "message_id": f"canary-message-{uuid4().hex}",
            "type": kind,
            "customer_id": customer,
            "session_id": "canary-session",
            "item_id": ITEMS[0],
            "offer_id": "offer",
            "order_id": "canary-order",
        }
        for kind in kinds
    ]
    headers = {
        "Authorization": f"Bearer {_key(service, by_browser)}",
        "X-Customer-Token": service.keys.token(customer),
    }
    reply = service.client.post("/v1/events", json={"events": sent}, headers=headers)

    assert reply.status_code == 200
    held = stored_bytes(service, without=consent_keys(service, key))
    assert not [canary for canary in CANARIES if canary.encode() in held]
    assert key.hex().encode() not in held
    assert repr(key)[2:-1].encode() not in held


def test_with_consent_the_search_finds_the_customer(service: Service) -> None:
    """With consent the search finds the customer, so the test above can fail."""
    customer = CustomerId("canary-customer")
    service.consent(customer)
    event = {"message_id": "m", "type": "view", "item_id": ITEMS[0], "customer_id": customer}

    service.send("POST", "/v1/events", {"events": [event]})
    held = stored_bytes(service, without=set())
    service.stores.connections.writes.delete(redis_keys.events(service.shop))

    assert b"canary-customer" in held


def _key(service: Service, by_browser: bool) -> str:
    return service.keys.browser.text if by_browser else service.keys.secret.text
