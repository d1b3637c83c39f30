"""`add_events.lua` on a real server: each event once, in any order, as far as consent permits."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from recsvc.config import Settings
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.customers.purchase_history import (
    BoughtItem,
    HistoryChange,
    PurchaseHistory,
    decode,
    encode,
)
from recsvc.domain.customers.recent_events import MAX_EVENTS, RecentKind
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.events import Event, EventType, Outcome
from recsvc.domain.values.customer_keys import CustomerKey, Secret
from recsvc.domain.values.ids import CustomerId, ItemId, ShopName
from recsvc.domain.values.timestamps import rfc3339
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections, connect
from recsvc.stores.consents.change_writer import ChangeWriter
from recsvc.stores.consents.consents import ConsentStore
from recsvc.stores.consents.policy import PolicyStore
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.stores.events.event_arguments import IncomingEvent
from recsvc.stores.events.events import (
    DAYS_COUNTED,
    DAYS_KNOWN,
    MAX_COUNTED_ITEMS,
    EventStore,
)
from tests.consents import policy_clock
from tests.integration.servers import ask, kill_server

DAY = 86_400
LOG_LENGTH = 1000
VIEW = Event("m", EventType.VIEW, item_id=ItemId("milk"))


@pytest.fixture
def store(connections: Connections, secret: Secret) -> EventStore:
    return EventStore(connections, secret, LOG_LENGTH, policy_clock())


def now(connections: Connections) -> int:
    seconds: int = connections.writes.time()[0]
    return seconds


def view(number: int, at: int | None = None, item: str = "milk") -> Event:
    at_us = None if at is None else at * 1_000_000
    return replace(VIEW, message_id=f"m-{number}", item_id=ItemId(item), timestamp_us=at_us)


def of(customer: CustomerKey, event: Event) -> IncomingEvent:
    return IncomingEvent(
        replace(event, customer_id=CustomerId("anna")), customer, kind=RecentKind.VIEW
    )


def bought(customer: CustomerKey, event: Event) -> IncomingEvent:
    event = replace(event, type=EventType.PURCHASE, customer_id=CustomerId("anna"))
    return IncomingEvent(event, customer, RecentKind.PURCHASE, HistoryChange.PURCHASE)


def grant(connections: Connections, shop: ShopName, customer: CustomerKey) -> None:
    ConsentStore(connections).write(
        shop, customer, {Purpose.ANALYTICS: True, Purpose.PERSONALIZATION: True}
    )


def history(connections: Connections, shop: ShopName, customer: CustomerKey) -> PurchaseHistory:
    return decode(connections.writes.get(redis_keys.purchases(shop, customer)) or b"")


def recent(connections: Connections, shop: ShopName, customer: CustomerKey) -> list[bytes]:
    found: list[bytes] = connections.writes.lrange(redis_keys.recent(shop, customer), 0, -1)
    return found


def move_digests(connections: Connections, shop: ShopName, days: int) -> None:
    """Move today's digests to an earlier day."""
    redis = connections.writes
    today = now(connections) // DAY
    for name in redis.keys(f"{redis_keys.seen(shop)}:{today}:*"):
        redis.rename(name, name.replace(b":%d:" % today, b":%d:" % (today - days)))
    stored = redis.hgetall(redis_keys.seen_days(shop))
    redis.delete(redis_keys.seen_days(shop))
    earlier = {
        field.replace(b"%d:" % today, b"%d:" % (today - days)): value
        for field, value in stored.items()
    }
    redis.hset(redis_keys.seen_days(shop), mapping=earlier)


@pytest.mark.parametrize(
    ("days", "outcome"),
    [(1, Outcome.DUPLICATE), (DAYS_KNOWN, Outcome.DUPLICATE), (DAYS_KNOWN + 1, Outcome.NEW)],
)
def test_a_message_id_counts_once_within_seven_days(
    store: EventStore, connections: Connections, shop: ShopName, days: int, outcome: Outcome
) -> None:
    """A message id is a duplicate, or reused with other content, for seven days."""
    assert store.add(shop, [IncomingEvent(VIEW)]) == [Outcome.NEW]
    move_digests(connections, shop, days)

    other = replace(VIEW, item_id=ItemId("other"))

    assert store.add(shop, [IncomingEvent(VIEW)]) == [outcome]
    assert store.add(shop, [IncomingEvent(other)]) == [Outcome.REUSED]


def test_digests_and_counts_expire(
    store: EventStore, connections: Connections, shop: ShopName
) -> None:
    """Digests expire a week after their day and counts two weeks after; the log does not expire."""
    redis, today = connections.writes, now(connections) // DAY
    store.add(shop, [IncomingEvent(VIEW), IncomingEvent(view(2, (today - 3) * DAY))])

    digests = redis.keys(f"{redis_keys.seen(shop)}:*")
    ends = {redis.execute_command("EXPIRETIME", name) for name in digests}

    assert ends == {(today + DAYS_KNOWN + 1) * DAY}
    assert redis.execute_command("EXPIRETIME", redis_keys.seen_days(shop)) == ends.pop()
    for day in (today, today - 3):
        end = redis.execute_command("EXPIRETIME", redis_keys.counts_of(shop, day))
        assert end == (day + DAYS_COUNTED + 1) * DAY
    assert redis.ttl(redis_keys.events(shop)) == -1


def test_a_busy_day_raises_the_next_days_buckets(
    store: EventStore, connections: Connections, shop: ShopName
) -> None:
    """More digests get more buckets, so each stays a packed list; older digests are still found."""
    redis, today = connections.writes, now(connections) // DAY
    days = redis_keys.seen_days(shop)
    store.add(shop, [IncomingEvent(VIEW)])
    move_digests(connections, shop, 1)
    redis.hset(days, f"{today - 1}:marks", 3_000_000)
    redis.hset(days, mapping={f"{today - 9}:buckets": 4096, f"{today - 9}:marks": 5})

    assert store.add(shop, [IncomingEvent(view(2)), IncomingEvent(VIEW)]) == [
        Outcome.NEW,
        Outcome.DUPLICATE,
    ]
    assert {field.decode(): int(value) for field, value in redis.hgetall(days).items()} == {
        f"{today - 1}:buckets": 4096,
        f"{today - 1}:marks": 3_000_000,
        f"{today}:buckets": 32768,
        f"{today}:marks": 1,
    }


def test_recent_events_are_sorted_by_time(
    store: EventStore, connections: Connections, shop: ShopName, customer: CustomerKey
) -> None:
    """The list has the latest event first in any order of arrival, at most MAX_EVENTS."""
    grant(connections, shop, customer)
    start = now(connections) - 1000
    times = [(7 * place) % 30 for place in range(30)]

    store.add(shop, [of(customer, view(at, start + at, f"i{at}")) for at in times])

    assert recent(connections, shop, customer) == [
        b"v%d i%d" % (start + at, at) for at in range(29, 29 - MAX_EVENTS, -1)
    ]
    assert 0 < connections.writes.ttl(redis_keys.recent(shop, customer)) <= 180 * DAY


def test_purchases_have_a_history_of_their_own(
    store: EventStore, connections: Connections, shop: ShopName, customer: CustomerKey
) -> None:
    """No number of views displaces a purchase; the history lives for 180 days."""
    grant(connections, shop, customer)
    at = now(connections) - 1000
    bread = bought(customer, view(1, at - 120, "bread"))
    store.add(shop, [bread, bought(customer, view(2, at)), bought(customer, view(3, at - 7200))])
    store.add(shop, [of(customer, view(number)) for number in range(200, 240)])

    items = history(connections, shop, customer).items
    assert [(item.item_id, item.times, item.last_minute) for item in items] == [
        ("milk", 2, at // 60),
        ("bread", 1, (at - 120) // 60),
    ]
    assert 0 < connections.writes.ttl(redis_keys.purchases(shop, customer)) <= 180 * DAY
    assert len(recent(connections, shop, customer)) == MAX_EVENTS


def test_purchases_of_over_180_days_ago_are_not_kept(
    store: EventStore, connections: Connections, shop: ShopName, customer: CustomerKey
) -> None:
    """An old event is logged, and changes no history."""
    grant(connections, shop, customer)
    at = now(connections) - 180 * DAY - 60

    assert store.add(shop, [bought(customer, view(1, at))]) == [Outcome.NEW]
    assert connections.writes.exists(redis_keys.purchases(shop, customer)) == 0
    assert connections.writes.xlen(redis_keys.events(shop)) == 1


def test_an_entry_leaves_180_days_after_its_last_purchase(
    store: EventStore, connections: Connections, shop: ShopName, customer: CustomerKey
) -> None:
    """Each entry ages by itself: the next write drops it, and keeps the others."""
    grant(connections, shop, customer)
    minute = now(connections) // 60
    stored = PurchaseHistory(
        tuple(
            BoughtItem(ItemId(item), 1, minute - 1440 * days)
            for item, days in (("tea", 179), ("rice", 180), ("oats", 400))
        )
    )
    connections.writes.set(redis_keys.purchases(shop, customer), encode(stored))
    store.add(shop, [bought(customer, view(1))])

    items = history(connections, shop, customer).items
    assert [item.item_id for item in items] == ["milk", "tea"]


@pytest.mark.parametrize("change", HistoryChange)
def test_a_history_expires_after_each_change(
    store: EventStore,
    connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
    change: HistoryChange,
) -> None:
    """No purchase outlives its 180 days, also not beside a dismissal."""
    grant(connections, shop, customer)
    store.add(shop, [bought(customer, view(1))])
    event = replace(view(2), order_id="order-1")
    store.add(shop, [IncomingEvent(event, customer, change=change)])

    assert 0 < connections.writes.ttl(redis_keys.purchases(shop, customer)) <= 180 * DAY


def test_a_damaged_history_stays_incomplete_after_an_event_that_is_too_old(
    store: EventStore, connections: Connections, shop: ShopName, customer: CustomerKey
) -> None:
    """Any purchase may be missing from it, so it must not become an empty one."""
    grant(connections, shop, customer)
    connections.writes.set(redis_keys.purchases(shop, customer), b"garbage")
    store.add(shop, [bought(customer, view(1, now(connections) - 200 * DAY))])

    assert history(connections, shop, customer).lost_minute > 0


def test_an_order_id_is_stored_as_a_digest(
    store: EventStore, connections: Connections, shop: ShopName, customer: CustomerKey
) -> None:
    """Lines of an order share a digest, and two shops have different digests of the same order."""
    digests, at = [], now(connections) - 60
    for place in (shop, ShopName(f"{shop}-2")):
        grant(connections, place, customer)
        lines = [
            bought(customer, replace(view(number, at), order_id=order, price=1.5, quantity=3.0))
            for number, order in enumerate(["order-1", "order-1", "order-2"])
        ]
        store.add(place, lines)
        parts = history(connections, place, customer).parts
        assert {line.paid for part in parts for line in part.lines} == {9.0, 4.5}
        digests.append({part.order for part in parts})

    assert [len(each) for each in digests] == [2, 2]
    assert not digests[0] & digests[1]
    assert {len(digest) for each in digests for digest in each} == {8}


def test_a_time_in_the_future_becomes_the_time_of_arrival(
    store: EventStore, connections: Connections, shop: ShopName, customer: CustomerKey
) -> None:
    """An event of a fast clock is not sorted before all later events."""
    grant(connections, shop, customer)
    before = now(connections)
    store.add(shop, [of(customer, view(1, before + 200))])

    (entry,) = recent(connections, shop, customer)
    assert before <= int(entry[1:].split()[0]) <= now(connections)


@pytest.mark.parametrize(
    "spoilt",
    [
        "granted",
        "1 granted",
        "1 granted - -",
        "1 granted - - - -",
        "1 granted - - - -x y",
        "x granted - - -",
        "-1 granted 1 - -",
        "1 Granted 1 - -",
        "1 denied 1 - -",
        "12345678901234567 granted 1 - -",
        "1 granted x - -",
        "",
    ],
)
def test_an_unreadable_consent_denies(
    store: EventStore,
    connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
    spoilt: str,
) -> None:
    """An event of a customer with an unreadable consent is neither logged nor listed."""
    fields = {f"purpose:{purpose}": spoilt for purpose in Purpose}
    connections.writes.hset(redis_keys.customer(shop, customer), mapping=fields)

    assert store.add(shop, [of(customer, VIEW)]) == [Outcome.NEW]
    assert connections.writes.xlen(redis_keys.events(shop)) == 0
    assert recent(connections, shop, customer) == []


def test_a_record_of_another_type_denies_only_its_customer(
    store: EventStore, connections: Connections, shop: ShopName, customer: CustomerKey
) -> None:
    """A customer record of the wrong type denies, and the other events of the batch are stored."""
    connections.writes.set(redis_keys.customer(shop, customer), "spoilt")

    assert store.add(shop, [of(customer, VIEW), IncomingEvent(view(2))]) == [Outcome.NEW] * 2
    assert connections.writes.xlen(redis_keys.events(shop)) == 1


def test_a_list_of_another_type_is_replaced(
    store: EventStore, connections: Connections, shop: ShopName, customer: CustomerKey
) -> None:
    """A recent list of the wrong type is unreadable, so the next event replaces it."""
    grant(connections, shop, customer)
    for name in (redis_keys.recent, redis_keys.purchases):
        connections.writes.set(name(shop, customer), "spoilt")

    assert store.add(shop, [bought(customer, VIEW)]) == [Outcome.NEW]
    assert len(recent(connections, shop, customer)) == 1
    assert len(history(connections, shop, customer).items) == 1


def test_the_log_is_bounded(store: EventStore, connections: Connections, shop: ShopName) -> None:
    """The server trims the oldest entries of the log, in whole blocks."""
    store.add(shop, [IncomingEvent(view(number)) for number in range(1500)])

    kept = connections.writes.xrange(redis_keys.events(shop))
    assert LOG_LENGTH <= len(kept) < 1500
    assert json.loads(kept[-1][1][b"event"])["message_id"] == "m-1499"


def test_counts_of_a_day_are_bounded(
    store: EventStore, connections: Connections, shop: ShopName
) -> None:
    """Unknown items cannot fill the store: the items with the greatest counts stay."""
    key = redis_keys.counts_of(shop, now(connections) // DAY)
    store.add(shop, [IncomingEvent(view(1, item="wanted")), IncomingEvent(view(2, item="wanted"))])
    made_up = {
        f"made-up-{number}": 1.0 for number in range(MAX_COUNTED_ITEMS + MAX_COUNTED_ITEMS // 10)
    }
    connections.writes.zadd(key, made_up)
    store.add(shop, [IncomingEvent(view(3, item="wanted"))])

    assert connections.writes.zcard(key) == MAX_COUNTED_ITEMS
    assert connections.writes.zscore(key, "wanted") == 3.0


def test_arrival_has_microseconds(
    store: EventStore, connections: Connections, shop: ShopName
) -> None:
    """`received_at` is the store's time as RFC 3339 with microseconds."""
    before = connections.writes.time()
    store.add(shop, [IncomingEvent(VIEW)])
    after = connections.writes.time()

    ((_, fields),) = connections.writes.xrange(redis_keys.events(shop))
    received = json.loads(fields[b"event"])["received_at"]
    assert _rfc3339(before) <= received <= _rfc3339(after)


def _rfc3339(time: Sequence[int]) -> str:
    return rfc3339(time[0] * 1_000_000 + time[1])


def test_an_almost_full_store_accepts_consents_only(
    own_server: EmbeddedValkey, own_connections: Connections, secret: Secret, shop: ShopName
) -> None:
    """Above 85 % of maxmemory events are refused and consents are written."""
    store = EventStore(own_connections, secret, LOG_LENGTH, policy_clock())
    store.check_memory()
    for number in range(40):  # small values: the read buffer of a large one counts, then goes
        own_connections.writes.set(f"much-{number}", bytes(1_000_000))
    used = own_connections.writes.info("memory")["used_memory"]
    ask(own_server.url, "CONFIG", "SET", "maxmemory", str(int(used / 0.9)))

    with pytest.raises(StoreUnavailable) as refused:
        store.check_memory()

    assert refused.value.code == "store_full"
    grant(own_connections, shop, CustomerKey(bytes(16)))


def test_stored_events_survive_a_crash(
    own_server: EmbeddedValkey, own_connections: Connections, secret: Secret, shop: ShopName
) -> None:
    """Each acknowledged event is on disk before the call returns."""
    store = EventStore(own_connections, secret, LOG_LENGTH, policy_clock())
    events = [IncomingEvent(view(number)) for number in range(250)]
    store.add(shop, events)
    kill_server(own_server.url)
    own_server.leave()
    again = connect(Settings(read_timeout_ms=2000), own_server.join())

    try:
        assert (
            EventStore(again, secret, LOG_LENGTH, policy_clock()).add(shop, events)
            == [Outcome.DUPLICATE] * 250
        )
        assert again.writes.xlen(redis_keys.events(shop)) == 250
    finally:
        again.close()


@pytest.mark.parametrize("change", ["withdrawal", "policy", "flag"])
def test_a_consent_change_between_read_and_write_is_respected(
    store: EventStore,
    connections: Connections,
    shop: ShopName,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    """An event is decided again if the customer's consent changes before the script runs."""
    one, other = CustomerKey(bytes(15) + b"1"), CustomerKey(bytes(15) + b"2")
    for customer in (one, other):
        grant(connections, shop, customer)
    changes = {
        "withdrawal": lambda: ConsentStore(connections).write(
            shop, one, {Purpose.ANALYTICS: False, Purpose.PERSONALIZATION: False}
        ),
        "policy": lambda: PolicyStore(connections, ChangeWriter(connections)).change(
            shop, dict.fromkeys(Purpose, "v1")
        ),
        "flag": lambda: connections.writes.hset(
            redis_keys.customer(shop, one), "flag:restricted", "1"
        ),
    }
    read, pending = store._permitting, [changes[change]]  # noqa: SLF001 - the moment between

    def read_then_change(*args: object) -> object:
        found = read(*args)
        while pending:
            pending.pop()()
        return found

    monkeypatch.setattr(store, "_permitting", read_then_change)
    outcomes = store.add(shop, [of(one, view(1)), of(other, view(2)), of(one, view(3))])
    named = {
        fields.get(b"customer") for _, fields in connections.writes.xrange(f"{{{shop}}}:events")
    }

    assert outcomes == [Outcome.NEW] * 3
    assert recent(connections, shop, one) == []
    assert named == ({other.hex().encode()} if change != "policy" else set())
