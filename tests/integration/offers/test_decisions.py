"""Decisions are stored for some days, only of customers who permit it."""

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import partial
from itertools import count
from string import ascii_letters, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsvc.clock import utc_now_us
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.offers.decision_ids import MAX_DECISION_ID_LENGTH, DecisionId, DecisionIdSigner
from recsvc.domain.offers.decision_record import DecisionRecord
from recsvc.domain.values.customer_keys import CustomerKey, Secret
from recsvc.domain.values.ids import OfferId, ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections
from recsvc.stores.consents.change_writer import ChangeWriter
from recsvc.stores.consents.consents import ConsentStore
from recsvc.stores.consents.policy_clock import PolicyClock
from recsvc.stores.customers.erasure import ErasureStore
from recsvc.stores.events.event_log import EventLog
from recsvc.stores.offers.decisions import MAX_PER_CUSTOMER, DecisionStore
from recsvc.usecases.offers import decision_log
from recsvc.usecases.offers.decision_log import DecisionLog

NOON_MS = 1_800_000_000_000
DAY_MS = 86_400_000
DEAL = OfferId("deal")
UUID7 = NOON_MS.to_bytes(6) + bytes(range(10))


@pytest.fixture
def store(connections: Connections) -> DecisionStore:
    return DecisionStore(connections, 2, PolicyClock(395 * 86_400_000_000, utc_now_us))


@pytest.fixture
def consents(connections: Connections) -> ConsentStore:
    return ConsentStore(connections)


def decision(customer: CustomerKey, name: str = "d", at_us: int = 1) -> DecisionRecord:
    return DecisionRecord(DecisionId(name), customer, at_us, b'{"offers":["deal"]}')


def test_a_decision_is_stored_with_analytics_only(
    store: DecisionStore,
    consents: ConsentStore,
    connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
) -> None:
    """Without the analytics consent no decision is written; after a withdrawal none is read."""
    assert store.save(shop, [decision(customer)]) == 0
    assert not list(connections.writes.scan_iter(match=f"{{{shop}}}:decision*", count=1000))

    consents.write(shop, customer, {Purpose.ANALYTICS: True})
    assert store.save(shop, [decision(customer)]) == 1
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
    """The oldest decisions are deleted first, and an erasure deletes all of them."""
    consents.write(shop, customer, {Purpose.ANALYTICS: True})
    now_us = time.time_ns() // 1000
    made = [
        decision(customer, f"d{number}", now_us + number) for number in range(MAX_PER_CUSTOMER + 5)
    ]
    store.save(shop, made)

    assert store.of_customer(shop, customer) == made[5:]
    assert store.get(shop, "d4") is None
    store.forget(shop, customer)
    assert store.of_customer(shop, customer) == []
    left = list(connections.writes.scan_iter(match=f"{{{shop}}}:decision*", count=1000))
    assert left == [redis_keys.decisions_log(shop).encode()]
    assert store.log.length(shop) == 0


def test_the_id_of_a_decision_expires_with_it(
    store: DecisionStore,
    consents: ConsentStore,
    connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
) -> None:
    """Expired ids leave the customer's list, even if a decision is made every day."""
    consents.write(shop, customer, {Purpose.ANALYTICS: True})
    now_us = time.time_ns() // 1000
    for name, days in (("old", 3), ("new", 0)):
        store.save(shop, [decision(customer, name, now_us - days * 86_400_000_000)])

    assert connections.writes.zrange(redis_keys.decisions_of(shop, customer), 0, -1) == [b"new"]


def test_the_log_of_decisions_expires_with_them(
    store: DecisionStore,
    consents: ConsentStore,
    connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
) -> None:
    """Expired entries leave the log with the next decision; without one the whole log expires."""
    consents.write(shop, customer, {Purpose.ANALYTICS: True})
    seconds, microseconds = connections.writes.time()
    now_ms = seconds * 1000 + microseconds // 1000
    for age in (2 * DAY_MS + 60_000, 2 * DAY_MS - 60_000):
        entry = {"decision": str(age), "customer": customer.hex()}
        connections.writes.xadd(redis_keys.decisions_log(shop), entry, f"{now_ms - age}-0")
    store.save(shop, [decision(customer)])

    found = [entry.event.decode() for entry in store.log.entries_of(shop, customer)]

    assert found == [str(2 * DAY_MS - 60_000), "d"]
    assert 0 < connections.writes.ttl(redis_keys.decisions_log(shop)) <= 2 * 86_400


def test_an_erasure_keeps_the_entries_of_others(
    store: DecisionStore, consents: ConsentStore, shop: ShopName, customer: CustomerKey
) -> None:
    """An erasure deletes the customer's entries from the log and no others."""
    other = CustomerKey(bytes(16))
    for each in (customer, other):
        consents.write(shop, each, {Purpose.ANALYTICS: True})
    store.save(shop, [decision(customer, "a"), decision(other, "b"), decision(customer, "c")])

    store.forget(shop, customer)

    assert list(store.log.entries_of(shop, customer)) == []
    assert [entry.event for entry in store.log.entries_of(shop, other)] == [b"b"]


def test_decisions_are_written_after_the_response(
    store: DecisionStore,
    consents: ConsentStore,
    shop: ShopName,
    customer: CustomerKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Decisions beyond MAX_WAITING are dropped and counted; the others are written."""
    consents.write(shop, customer, {Purpose.ANALYTICS: True})
    counted: list[tuple[str, int]] = []
    monkeypatch.setattr(decision_log, "MAX_WAITING", 2)
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
def test_a_decision_id_is_valid_for_a_week(
    secret: Secret, shop: ShopName, customer: CustomerKey, at_ms: int, is_ours: bool
) -> None:
    """An id is valid for a week, and a minute before its time because clocks differ."""
    signer = DecisionIdSigner(secret, shop)
    text = signer.sign(UUID7, customer, signer.tag(DEAL))

    assert signer.verify(text, DEAL, customer, at_ms * 1000) is is_ours


def test_a_decision_id_is_bound_to_its_customer(
    secret: Secret, shop: ShopName, customer: CustomerKey
) -> None:
    """An id is invalid for another customer, shop or secret, and with any character changed."""
    signer, other = DecisionIdSigner(secret, shop), CustomerKey(bytes(16))
    text, now_us = signer.sign(UUID7, customer, signer.tag(DEAL)), NOON_MS * 1000
    changed = [
        text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        for place in range(len(text))
    ]

    assert signer.verify(text, DEAL, customer, now_us)
    assert not signer.verify(text, DEAL, other, now_us)
    assert not signer.verify(text, DEAL, None, now_us)
    assert not DecisionIdSigner(secret, ShopName("other")).verify(text, DEAL, customer, now_us)
    strange = [*changed, *(text[:length] for length in range(len(text))), "x", "é" * 32]
    assert not any(signer.verify(each, DEAL, customer, now_us) for each in strange)


def test_a_generic_decision_id_is_no_customers(secret: Secret, shop: ShopName) -> None:
    """A generic id cannot be turned into one of a customer, even if the key equals its tags."""
    signer = DecisionIdSigner(secret, shop)
    deals = [OfferId(f"offer-{number}") for number in range(9)]
    tags = b"".join(map(signer.tag, deals))
    sealed = urlsafe_b64decode(signer.sign(UUID7, None, tags) + "==")
    without = sealed[:-18] + tags[16:]
    text = urlsafe_b64encode(without).rstrip(b"=").decode()

    assert not signer.verify(text, deals[-1], CustomerKey(tags[:16]), NOON_MS * 1000)


@given(
    offered=st.lists(st.integers(0, 999), max_size=100, unique=True),
    number=st.integers(0, 999),
    has_customer=st.booleans(),
)
def test_a_decision_id_covers_its_offers(
    secret: Secret, offered: list[int], number: int, has_customer: bool
) -> None:
    """An id is valid for the offers of its decision, and else only for an equal two-byte tag."""
    signer = DecisionIdSigner(secret, ShopName("shop"))
    customer = CustomerKey(b"c" * 16) if has_customer else None
    tags = [signer.tag(OfferId(f"offer-{each}")) for each in offered]
    text = signer.sign(UUID7, customer, b"".join(tags))
    offer = OfferId(f"offer-{number}")

    expected = signer.tag(offer) in tags
    assert signer.verify(text, offer, customer, NOON_MS * 1000) is expected
    assert len(text) <= MAX_DECISION_ID_LENGTH


def test_tags_are_read_two_bytes_at_a_time(secret: Secret, shop: ShopName) -> None:
    """A tag that overlaps two others of the id does not match."""
    signer = DecisionIdSigner(secret, shop)
    tags = signer.tag(DEAL) + signer.tag(OfferId("other"))
    astride = next(
        each for each in map(OfferId, map(str, count())) if signer.tag(each) == tags[1:3]
    )

    text = signer.sign(UUID7, None, tags)
    assert signer.verify(text, DEAL, None, NOON_MS * 1000)
    assert not signer.verify(text, astride, None, NOON_MS * 1000)


def test_few_offers_have_the_same_tag(secret: Secret, shop: ShopName) -> None:
    """A thousand offers have few equal tags, and another shop's tags differ."""
    deals = [OfferId(f"offer-{number}") for number in range(1000)]
    own, others = (
        [DecisionIdSigner(secret, name).tag(each) for each in deals]
        for name in (shop, ShopName("other"))
    )

    assert len(set(own)) > 970
    assert sum(one == other for one, other in zip(own, others, strict=True)) < 5


@pytest.mark.parametrize("many", [1, 2])
def test_a_decision_id_has_one_spelling(
    secret: Secret, shop: ShopName, customer: CustomerKey, many: int
) -> None:
    """Other Base64 texts of the same bytes are refused: each would count as a new use."""
    signer = DecisionIdSigner(secret, shop)
    text, now_us = signer.sign(UUID7, customer, signer.tag(DEAL) * many), NOON_MS * 1000
    ends = [text[:-1] + letter for letter in ascii_letters + digits + "-_"]
    others = {*ends, text + "=", text + "==", text + "\n", text[:5] + "!" + text[5:]} - {text}
    alike = [each for each in others if decoded(each) == decoded(text)]

    assert signer.verify(text, DEAL, customer, now_us)
    assert len(alike) > 3
    assert not any(signer.verify(each, DEAL, customer, now_us) for each in others)


def decoded(text: str) -> bytes | None:
    """Decode Base64 as leniently as Python does."""
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None


def test_a_decision_from_before_an_erasure_is_dropped(
    store: DecisionStore,
    consents: ConsentStore,
    connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
) -> None:
    """A decision that waited during an erasure is dropped, even if the customer grants again."""
    erasures = ErasureStore(ChangeWriter(connections), consents, EventLog(connections), [store])
    consents.write(shop, customer, {Purpose.ANALYTICS: True})
    erased_at_us = erasures.erase(shop, customer).at_us
    consents.write(shop, customer, {Purpose.ANALYTICS: True})
    before, after = (decision(customer, f"d{late}", erased_at_us + late) for late in (0, 1))

    assert store.save(shop, [before, after]) == 1
    assert store.of_customer(shop, customer) == [after]
