"""Purchase histories: the stored text equals the model in plain Python, in any order of events."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import chain, count
from random import Random
from uuid import uuid4

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.customers.history_changes import HistoryDraft
from recsvc.domain.customers.purchase_history import (
    ALL_UNITS,
    KEPT_SECONDS,
    MAX_BYTES,
    MAX_DISMISSALS,
    MAX_ITEMS,
    HistoryChange,
    PurchaseHistory,
    decode,
    encode,
)
from recsvc.domain.customers.refunds import bought
from recsvc.domain.events import Event
from recsvc.domain.values.customer_keys import CustomerKey, Secret
from recsvc.domain.values.ids import CustomerId, ItemId, ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections
from recsvc.stores.consents.consents import ConsentStore
from recsvc.stores.events.event_arguments import Digests, IncomingEvent
from recsvc.stores.events.events import EventStore
from recsvc.usecases.events import HISTORY_CHANGES
from tests.consents import policy_clock

DAY_MS, MINUTE_MS = 86_400_000, 60_000
ANNA = CustomerId("anna")
NOW_MS = 1_764_547_200_000  # of the model alone; a store has its own time

TYPES = {change: type_ for type_, change in HISTORY_CHANGES.items()}


@dataclass(frozen=True)
class Change:
    """A change, `ago_ms` before now."""

    kind: HistoryChange
    item: str | None
    ago_ms: int
    order: str | None = None
    price: float | None = None
    quantity: float | None = None

    def event(self, now_ms: int, number: int) -> IncomingEvent:
        event = Event(
            f"m-{number}",
            TYPES[self.kind],
            timestamp_us=(now_ms - self.ago_ms) * 1000,
            customer_id=ANNA,
            item_id=None if self.item is None else ItemId(self.item),
            order_id=self.order,
            price=self.price,
            quantity=self.quantity,
        )
        return IncomingEvent(event, KEY, change=self.kind)

    def apply(self, draft: HistoryDraft, now_ms: int, order: str) -> None:
        """`order`: the stored name of the order."""
        at_ms = now_ms - self.ago_ms
        item = None if self.item is None else ItemId(self.item)
        units = self.quantity
        if self.kind is HistoryChange.REFUND:
            draft.refund(at_ms // MINUTE_MS, order, item, ALL_UNITS if units is None else units)
        elif item is not None and self.kind is HistoryChange.PURCHASE:
            paid = None if self.price is None else self.price * (units or 1.0)
            draft.buy(item, at_ms // MINUTE_MS, order, paid, units or 1.0)
        elif item is not None:
            cancels = self.kind is HistoryChange.CANCELLATION
            draft.dismiss(item, at_ms, cancels=cancels)


KEY = CustomerKey(b"anna" * 4)

few_items = st.sampled_from(["milk", "bread", "soy milk", "äpfel", "2.38", "#+!"])
# Some of the same minute, some of the same order a day later, some too old.
times = st.sampled_from([0, 1, 59, 1439, 1441, 2900, 200_000, 259_500]).map(
    lambda minutes: minutes * MINUTE_MS
) | st.integers(0, 181 * DAY_MS)
prices = st.none() | st.sampled_from([0.0, 0.5, 2.38, 10.0])
quantities = st.none() | st.sampled_from([1.0, 2.0, 3.0])
orders = st.sampled_from(["A", "B", "C"])


def purchases_of(items: st.SearchStrategy[str]) -> st.SearchStrategy[Change]:
    kind = st.just(HistoryChange.PURCHASE)
    return st.builds(Change, kind, items, times, st.none() | orders, prices, quantities)


def changes_of(items: st.SearchStrategy[str]) -> st.SearchStrategy[Change]:
    kind = st.just(HistoryChange.REFUND)
    statement = st.sampled_from([HistoryChange.DISMISSAL, HistoryChange.CANCELLATION])
    return st.one_of(
        purchases_of(items),
        purchases_of(items),
        st.builds(Change, kind, st.none(), times, orders),
        st.builds(Change, kind, items, times, orders, quantity=quantities),
        st.builds(Change, statement, items, times),
    )


def large_batches(seed: int, has_long_ids: bool) -> list[list[Change]]:
    """Return batches that exceed the limits."""
    chance = Random(seed)

    def change() -> Change:
        number = chance.randrange(60 if has_long_ids else 400)
        item = f"{number}" * (128 // len(f"{number}")) if has_long_ids else f"item {number}"
        kind = chance.choices(list(HistoryChange), [10, 1, 3, 1])[0]
        order = f"order {chance.randrange(60)}"
        ago_ms = chance.randrange(181 * 1440) * MINUTE_MS
        if kind is HistoryChange.REFUND:
            return Change(kind, chance.choice([None, item]), ago_ms, order)
        return Change(kind, item, ago_ms, order, chance.choice([None, 2.38, 10.0]))

    return [[change() for _ in range(chance.randrange(60, 100))] for _ in range(4)]


MILK = Change(HistoryChange.PURCHASE, "milk", 0)
TOO_OLD = Change(HistoryChange.PURCHASE, "milk", 181 * DAY_MS)


def new_shop(connections: Connections) -> ShopName:
    shop = ShopName(f"shop-{uuid4().hex[:12]}")
    ConsentStore(connections).write(shop, KEY, {Purpose.PERSONALIZATION: True})
    return shop


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(st.lists(changes_of(few_items), min_size=1, max_size=15), max_size=4)
    | st.builds(large_batches, st.integers(0, 2**32), st.booleans()),
    removed=st.sets(few_items, max_size=2),
)
@example(batches=[[MILK], [TOO_OLD]], removed={"milk"})
def test_the_store_changes_histories_as_python_does(
    connections: Connections, secret: Secret, batches: list[list[Change]], removed: set[str]
) -> None:
    """After each call the stored text is the one that the rules in Python give, byte for byte."""
    store, shop = EventStore(connections, secret, 1000, policy_clock()), new_shop(connections)
    digests, numbers = Digests(secret, shop), count()
    # Half a minute from the next: no change of the minute in between moves the limit of 180 days.
    now_ms = connections.writes.time()[0] * 1000 // MINUTE_MS * MINUTE_MS - 30_000
    model = PurchaseHistory()
    for batch in batches:
        store.add(
            shop,
            [change.event(now_ms, next(numbers)) for change in batch],
            lambda _text: sorted(removed),
        )
        draft = HistoryDraft(model, connections.writes.time()[0])
        if encode(model):
            draft.remove({ItemId(item) for item in removed})
        for change in batch:
            order = (
                ""
                if change.order is None
                else digests.digest(b"order", change.order.encode()).hex()[:8]
            )
            change.apply(draft, now_ms, order)
        model = draft.finished()
        stored = connections.writes.get(redis_keys.purchases(shop, KEY)) or b""

        assert encode(model) == stored
        assert model == decode(stored)
        assert len(stored) <= MAX_BYTES


def order_name(order: str | None) -> str:
    return "" if order is None else sha256(order.encode()).hexdigest()[:8]


def after(changes: Sequence[Change]) -> PurchaseHistory:
    draft = HistoryDraft(PurchaseHistory(), NOW_MS // 1000)
    for change in changes:
        change.apply(draft, NOW_MS, order_name(change.order))
    return draft.finished()


def content(history: PurchaseHistory) -> list[object]:
    """Return the entries, without the order of those of equal time."""
    parts = [
        (part.minute, part.order, frozenset(Counter(part.lines).items())) for part in history.parts
    ]
    return [
        set(history.items),
        set(history.dismissals),
        set(parts),
        set(history.refunds),
        history.lost_minute,
    ]


@given(st.data(), st.lists(changes_of(few_items), max_size=12))
def test_the_order_of_events_has_no_effect(data: st.DataObject, changes: list[Change]) -> None:
    """Purchases, refunds and dismissals in any order give the same history."""
    again = data.draw(st.permutations(changes))

    assert content(after(changes)) == content(after(again))


@given(st.lists(changes_of(few_items), max_size=12))
def test_items_agree_with_orders(changes: list[Change]) -> None:
    """While all orders are kept, an item's times and last time are those of its kept orders."""
    history = after(changes)
    counts = bought(history.parts, history.refunds)

    assert {item.item_id: (item.times, item.last_minute) for item in history.items} == {
        item: (times, counts.last[item]) for item, times in counts.times.items() if times
    }


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.booleans())
def test_a_history_is_within_its_limits(seed: int, has_long_ids: bool) -> None:
    """The text, the items and the dismissals have limits; the latest entries stay."""
    history = after([*chain.from_iterable(large_batches(seed, has_long_ids))])

    assert len(encode(history)) <= MAX_BYTES
    assert len(history.items) <= MAX_ITEMS
    assert len(history.dismissals) <= MAX_DISMISSALS
    assert all(item.last_minute > (NOW_MS // 1000 - KEPT_SECONDS) // 60 for item in history.items)
    latest = max((item.last_minute for item in history.items), default=0)
    assert not history.items or latest >= history.lost_minute


def test_items_of_two_customers_are_united() -> None:
    """Times add up, the latest time counts, and the latest statement about an item counts."""
    milk = Change(HistoryChange.PURCHASE, "milk", DAY_MS, "A")
    one = after([milk, Change(HistoryChange.DISMISSAL, "bread", 2 * DAY_MS)])
    other = after(
        [
            replace(milk, ago_ms=2 * DAY_MS, order="B"),
            Change(HistoryChange.CANCELLATION, "bread", DAY_MS),
            Change(HistoryChange.REFUND, None, 0, "B"),
            replace(milk, ago_ms=3 * DAY_MS, order=None),
        ]
    )
    draft = HistoryDraft(one, NOW_MS // 1000)
    draft.add(other)
    both = draft.finished()

    assert [(item.item_id, item.times, item.last_minute) for item in both.items] == [
        ("milk", 2, (NOW_MS - DAY_MS) // MINUTE_MS)
    ]
    assert [dismissal.is_cancelled for dismissal in both.dismissals] == [True]
