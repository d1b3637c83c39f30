"""Decisions are kept of customers who permit it, for some days, and of nobody else."""

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


def test_a_decision_is_kept_with_analytics_alone(
    store: DecisionStore,
    consents: ConsentStore,
    connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
) -> None:
    """Nothing is written without it, and nothing is told once it is withdrawn."""
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
    """The oldest go first; nothing is left of an erased customer."""
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


def test_the_id_of_a_decision_lives_no_longer_than_the_decision(
    store: DecisionStore,
    consents: ConsentStore,
    connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
) -> None:
    """Also of a customer who is decided for every day."""
    consents.write(shop, customer, {Purpose.ANALYTICS: True})
    now_us = time.time_ns() // 1000
    for name, days in (("old", 3), ("new", 0)):
        store.save(shop, [decision(customer, name, now_us - days * 86_400_000_000)])

    assert connections.writes.zrange(redis_keys.decisions_of(shop, customer), 0, -1) == [b"new"]


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
    store.save(shop, [decision(customer)])

    found = [entry.event.decode() for entry in store.log.entries_of(shop, customer)]

    assert found == [str(2 * DAY_MS - 60_000), "d"]
    assert 0 < connections.writes.ttl(redis_keys.decisions_log(shop)) <= 2 * 86_400


def test_an_erasure_leaves_the_log_of_others_alone(
    store: DecisionStore, consents: ConsentStore, shop: ShopName, customer: CustomerKey
) -> None:
    """Who is forgotten is not drained; who is not, is."""
    other = CustomerKey(bytes(16))
    for each in (customer, other):
        consents.write(shop, each, {Purpose.ANALYTICS: True})
    store.save(shop, [decision(customer, "a"), decision(other, "b"), decision(customer, "c")])

    store.forget(shop, customer)

    assert list(store.log.entries_of(shop, customer)) == []
    assert [entry.event for entry in store.log.entries_of(shop, other)] == [b"b"]


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
def test_an_id_is_ours_for_a_week(
    secret: Secret, shop: ShopName, customer: CustomerKey, at_ms: int, is_ours: bool
) -> None:
    """And a minute before: clocks differ."""
    signer = DecisionIdSigner(secret, shop)
    text = signer.sign(UUID7, customer, signer.tag(DEAL))

    assert signer.verify(text, DEAL, customer, at_ms * 1000) is is_ours


def test_an_id_is_for_whom_it_was_made(
    secret: Secret, shop: ShopName, customer: CustomerKey
) -> None:
    """No other customer, shop or secret, and not a character of it changed."""
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


def test_what_everybody_gets_is_no_customers(secret: Secret, shop: ShopName) -> None:
    """Not even of one whose key is what its tags are."""
    signer = DecisionIdSigner(secret, shop)
    deals = [OfferId(f"offer-{number}") for number in range(9)]
    tags = b"".join(map(signer.tag, deals))
    sealed = urlsafe_b64decode(signer.sign(UUID7, None, tags) + "==")
    without = sealed[:-18] + tags[16:]
    text = urlsafe_b64encode(without).rstrip(b"=").decode()

    assert not signer.verify(text, deals[-1], CustomerKey(tags[:16]), NOON_MS * 1000)


@given(
    offered=st.lists(st.integers(0, 999), max_size=100, unique=True),
    asked=st.integers(0, 999),
    is_somebody=st.booleans(),
)
def test_an_id_counts_for_what_it_offered(
    secret: Secret, offered: list[int], asked: int, is_somebody: bool
) -> None:
    """And for nothing else, but for what has the same two bytes as one of it."""
    signer = DecisionIdSigner(secret, ShopName("shop"))
    customer = CustomerKey(b"c" * 16) if is_somebody else None
    tags = [signer.tag(OfferId(f"offer-{number}")) for number in offered]
    text = signer.sign(UUID7, customer, b"".join(tags))
    offer = OfferId(f"offer-{asked}")

    expected = signer.tag(offer) in tags
    assert signer.verify(text, offer, customer, NOON_MS * 1000) is expected
    assert len(text) <= MAX_DECISION_ID_LENGTH


def test_a_tag_is_no_end_and_beginning_of_two_others(secret: Secret, shop: ShopName) -> None:
    """What was offered is read two bytes at a time."""
    signer = DecisionIdSigner(secret, shop)
    tags = signer.tag(DEAL) + signer.tag(OfferId("other"))
    astride = next(
        each for each in map(OfferId, map(str, count())) if signer.tag(each) == tags[1:3]
    )

    text = signer.sign(UUID7, None, tags)
    assert signer.verify(text, DEAL, None, NOON_MS * 1000)
    assert not signer.verify(text, astride, None, NOON_MS * 1000)


def test_few_offers_have_the_same_tag(secret: Secret, shop: ShopName) -> None:
    """Of a thousand, as two bytes let expect; another shop's are others."""
    deals = [OfferId(f"offer-{number}") for number in range(1000)]
    own, others = (
        [DecisionIdSigner(secret, name).tag(each) for each in deals]
        for name in (shop, ShopName("other"))
    )

    assert len(set(own)) > 970
    assert sum(one == other for one, other in zip(own, others, strict=True)) < 5


@pytest.mark.parametrize("many", [1, 2])
def test_an_id_has_one_spelling(
    secret: Secret, shop: ShopName, customer: CustomerKey, many: int
) -> None:
    """Or it were spent once for each."""
    signer = DecisionIdSigner(secret, shop)
    text, now_us = signer.sign(UUID7, customer, signer.tag(DEAL) * many), NOON_MS * 1000
    ends = [text[:-1] + letter for letter in ascii_letters + digits + "-_"]
    others = {*ends, text + "=", text + "==", text + "\n", text[:5] + "!" + text[5:]} - {text}
    alike = [each for each in others if decoded(each) == decoded(text)]

    assert signer.verify(text, DEAL, customer, now_us)
    assert len(alike) > 3
    assert not any(signer.verify(each, DEAL, customer, now_us) for each in others)


def decoded(text: str) -> bytes | None:
    """Read as leniently as Python does."""
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None


def test_what_was_decided_before_an_erasure_is_not_kept_of_the_stranger(
    store: DecisionStore,
    consents: ConsentStore,
    connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
) -> None:
    """Though it was waiting to be written when the customer was erased, and came back at once."""
    erasures = ErasureStore(ChangeWriter(connections), consents, EventLog(connections), [store])
    consents.write(shop, customer, {Purpose.ANALYTICS: True})
    erased_at_us = erasures.erase(shop, customer).at_us
    consents.write(shop, customer, {Purpose.ANALYTICS: True})
    before, after = (decision(customer, f"d{late}", erased_at_us + late) for late in (0, 1))

    assert store.save(shop, [before, after]) == 1
    assert store.of_customer(shop, customer) == [after]
