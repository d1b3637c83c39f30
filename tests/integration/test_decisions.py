"""Decisions are kept of customers who permit it, for some days, and of nobody else."""

from functools import partial

import pytest

from recsvc.domain.consent import Purpose
from recsvc.domain.decision_ids import DecisionId, DecisionSeal
from recsvc.domain.decisions import Decision
from recsvc.domain.identity import CustomerKey, Secret
from recsvc.domain.ids import ShopName
from recsvc.stores import redis_keys
from recsvc.stores.connection import Connections
from recsvc.stores.consent_judge import ConsentJudge
from recsvc.stores.consents import ConsentStore
from recsvc.stores.decisions import MOST_KEPT, DecisionStore
from recsvc.usecases import decision_log
from recsvc.usecases.decision_log import DecisionLog
from recsvc.wiring import utc_now_us

NOON_MS = 1_800_000_000_000
DAY_MS = 86_400_000
UUID7 = NOON_MS.to_bytes(6) + bytes(range(10))


@pytest.fixture
def store(connections: Connections) -> DecisionStore:
    return DecisionStore(connections, 2, ConsentJudge(395 * 86_400_000_000, utc_now_us))


@pytest.fixture
def consents(connections: Connections) -> ConsentStore:
    return ConsentStore(connections)


def decision(customer: CustomerKey, name: str = "d", at_us: int = 1) -> Decision:
    return Decision(DecisionId(name), customer, at_us, b'{"offers":["deal"]}')


def test_a_decision_is_kept_with_analytics_alone(
    store: DecisionStore,
    consents: ConsentStore,
    connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
) -> None:
    """Nothing is written without it, and nothing is told once it is withdrawn."""
    assert store.keep(shop, [decision(customer)]) == 0
    assert not list(connections.writes.scan_iter(match=f"{{{shop}}}:decision*", count=1000))

    consents.write(shop, customer, {Purpose.ANALYTICS: True})
    assert store.keep(shop, [decision(customer)]) == 1
    assert store.get(shop, "d") == decision(customer)
    assert 0 < connections.writes.ttl(redis_keys.decision(shop, "d")) <= 2 * 86_400
    consents.write(shop, customer, {Purpose.ANALYTICS: False})
    assert store.get(shop, "d") is None


def test_a_customers_decisions_are_bounded_and_erased(
    store: DecisionStore,
    consents: ConsentStore,
    connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
) -> None:
    """The oldest go first; nothing is left of an erased customer."""
    consents.write(shop, customer, {Purpose.ANALYTICS: True})
    made = [decision(customer, f"d{number}", number + 1) for number in range(MOST_KEPT + 5)]
    store.keep(shop, made)

    assert store.of(shop, customer) == made[5:]
    assert store.get(shop, "d4") is None
    store.forget(shop, customer)
    assert store.of(shop, customer) == []
    left = list(connections.writes.scan_iter(match=f"{{{shop}}}:decision*", count=1000))
    assert left == [redis_keys.decisions_log(shop).encode()]
    assert store.log.length(shop) == 0


def test_what_is_to_be_drained_lives_no_longer_than_the_decisions(
    store: DecisionStore,
    consents: ConsentStore,
    connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
) -> None:
    """What is older goes with the next decision, or with the last one's life."""
    consents.write(shop, customer, {Purpose.ANALYTICS: True})
    seconds, microseconds = connections.writes.time()
    now_ms = seconds * 1000 + microseconds // 1000
    for age in (2 * DAY_MS + 60_000, 2 * DAY_MS - 60_000):
        entry = {"decision": str(age), "customer": customer.hex()}
        connections.writes.xadd(redis_keys.decisions_log(shop), entry, f"{now_ms - age}-0")
    store.keep(shop, [decision(customer)])

    found = [entry.event.decode() for entry in store.log.of(shop, customer)]

    assert found == [str(2 * DAY_MS - 60_000), "d"]
    assert 0 < connections.writes.ttl(redis_keys.decisions_log(shop)) <= 2 * 86_400


def test_an_erasure_leaves_the_log_of_others_alone(
    store: DecisionStore, consents: ConsentStore, shop: ShopName, customer: CustomerKey
) -> None:
    """Who is forgotten is not drained; who is not, is."""
    other = CustomerKey(bytes(16))
    for each in (customer, other):
        consents.write(shop, each, {Purpose.ANALYTICS: True})
    store.keep(shop, [decision(customer, "a"), decision(other, "b"), decision(customer, "c")])

    store.forget(shop, customer)

    assert list(store.log.of(shop, customer)) == []
    assert [entry.event for entry in store.log.of(shop, other)] == [b"b"]


def test_decisions_are_written_behind_the_answers(
    store: DecisionStore,
    consents: ConsentStore,
    shop: ShopName,
    customer: CustomerKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those that there is no room for are dropped and counted; the others are written."""
    consents.write(shop, customer, {Purpose.ANALYTICS: True})
    counted: list[tuple[str, int]] = []
    monkeypatch.setattr(decision_log, "MOST_WAITING", 2)
    log = DecisionLog(store, lambda result, count: counted.append((result, count)))
    for name in ("a", "b", "c"):
        log.put(shop, partial(decision, customer, name))
    log.flush()

    assert [store.get(shop, name) is not None for name in "abc"] == [True, True, False]
    assert counted == [("dropped", 1), ("kept", 2), ("not_permitted", 0)]


@pytest.mark.parametrize(
    ("at_ms", "is_ours"),
    [
        (NOON_MS, True),
        (NOON_MS + 7 * DAY_MS - 1, True),
        (NOON_MS + 7 * DAY_MS, False),
        (NOON_MS - 60_000, True),
        (NOON_MS - 60_001, False),
    ],
)
def test_an_id_is_ours_for_a_week(
    secret: Secret, shop: ShopName, customer: CustomerKey, at_ms: int, is_ours: bool
) -> None:
    """And a minute before: clocks differ."""
    seal = DecisionSeal(secret, shop)

    assert seal.is_ours(seal.make(UUID7, customer), customer, at_ms * 1000) is is_ours


def test_an_id_is_for_whom_it_was_made(
    secret: Secret, shop: ShopName, customer: CustomerKey
) -> None:
    """No other customer, shop or secret, and not a character of it changed."""
    seal, other = DecisionSeal(secret, shop), CustomerKey(bytes(16))
    text, now_us = seal.make(UUID7, customer), NOON_MS * 1000
    changed = [
        text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        for place in range(len(text))
    ]

    assert not seal.is_ours(text, other, now_us)
    assert not seal.is_ours(text, None, now_us)
    assert not DecisionSeal(secret, ShopName("other")).is_ours(text, customer, now_us)
    assert not any(seal.is_ours(each, customer, now_us) for each in [*changed, "", "x", "é" * 32])
