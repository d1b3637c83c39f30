"""What is kept of one customer's claims: read, moved to another, erased."""

import pytest

from recsvc.domain.offers.claims import Claim, ClaimRefusal, ClaimState
from recsvc.domain.offers.offer import Caps, PeriodCap
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client.connection import Connections
from recsvc.stores.offers.claim_records import ClaimRecords
from tests.integration.offers.test_claims import DAY, DEAL, HOLD, NOON, Clock, Counter, somebody


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counter(connections: Connections, shop: ShopName, clock: Clock) -> Counter:
    return Counter(connections, shop, clock)


@pytest.fixture
def records(connections: Connections, counter: Counter) -> ClaimRecords:
    return ClaimRecords(connections, counter.claims)


def tell(counter: Counter, what: str, customer: CustomerKey, decision: str | None = None) -> None:
    permission = counter.asked(customer).permission
    told = counter.claims.record_offer_event(
        counter.shop, DEAL, what, use=decision, customer=customer, permission=permission
    )
    assert told is True


def test_what_is_counted_is_read_back(
    counter: Counter, records: ClaimRecords, clock: Clock, customer: CustomerKey
) -> None:
    """Within the periods of the caps, holds for as long as they last."""
    caps = Caps(per_customer=PeriodCap(9, 7), per_customer_shown=PeriodCap(9, 1))
    counter.put(caps=caps)
    redeemed = counter.held(customer)
    counter.claims.redeem(counter.shop, DEAL, redeemed.claim_id, customer)
    counter.held(customer)
    tell(counter, "shown", customer, "d1")
    tell(counter, "dismissed", customer)
    kept, offers = records.caps(counter.shop, customer), {DEAL: counter.stored}

    moments = (NOON, NOON + HOLD, NOON + DAY, NOON + 7 * DAY)
    counts = [kept.counts(offers, at) for at in moments]
    assert [each.redeemed[DEAL] for each in counts] == [2, 1, 1, 0]
    assert [each.shown[DEAL] for each in counts] == [1, 1, 0, 0]
    assert all(each.dismissed == {DEAL} for each in counts)
    counter.offers.delete(counter.shop, DEAL)
    counter.put(caps=caps)
    anew = kept.counts({DEAL: counter.stored}, NOON)
    assert (anew.redeemed, anew.shown, anew.dismissed) == ({}, {}, frozenset())


def test_a_customers_claims_are_listed(
    counter: Counter, records: ClaimRecords, clock: Clock, customer: CustomerKey
) -> None:
    """Whatever has become of them, in their order."""
    counter.put(["A", "B"])
    first = counter.held(customer)
    clock.now += 1
    second = counter.held(customer)
    counter.claims.redeem(counter.shop, DEAL, first.claim_id, customer)

    found = records.claims(counter.shop, customer)

    assert [(each.claim_id, each.code, each.state) for each in found] == [
        (first.claim_id, "A", ClaimState.REDEEMED),
        (second.claim_id, "B", ClaimState.HELD),
    ]


def test_nothing_is_left_of_an_erased_customer(
    counter: Counter, records: ClaimRecords, connections: Connections, customer: CustomerKey
) -> None:
    """Held ones are given back, redeemed ones stay counted, and no key names the customer."""
    counter.put(["A", "B"], caps=Caps(total_redeemed=2))
    redeemed = counter.held(customer, key_digest="aa", request_digest="01")
    counter.claims.redeem(counter.shop, DEAL, redeemed.claim_id, customer)
    counter.held(customer)
    tell(counter, "dismissed", customer)

    records.forget(counter.shop, customer)

    assert records.claims(counter.shop, customer) == []
    assert (counter.stored.state.taken, counter.stored.state.codes_left) == (1, 1)
    store = connections.writes
    names = list(store.scan_iter(match=f"{{{counter.shop}}}:*", count=1000))
    assert not [name for name in names if customer.hex().encode() in name]
    hashes = [name for name in names if store.type(name) == b"hash"]
    assert not [name for name in hashes if customer.hex().encode() in store.hvals(name)]


def test_codes_of_two_customers_come_back_to_the_one(
    counter: Counter, records: ClaimRecords, customer: CustomerKey
) -> None:
    """Each once; the export tells them."""
    counter.put(["A", "B", "of both", "C"])
    other = somebody()
    for who, many in ((customer, 2), (other, 3)):
        claims = [counter.held(who) for _ in range(many)]
        for claim in claims:
            counter.claims.release(counter.shop, DEAL, claim.claim_id, who)

    for _ in range(2):
        records.merge(counter.shop, customer, other, with_shown_and_dismissed=False)

    expected = ["of both", "C", "A", "B"]
    assert sorted(records.caps(counter.shop, other).codes[DEAL].codes) == sorted(expected)
    assert {counter.held(other).code for _ in range(4)} == set(expected)
    assert records.caps(counter.shop, customer).codes == {}


def test_two_customers_become_one(
    counter: Counter, records: ClaimRecords, clock: Clock, customer: CustomerKey
) -> None:
    """What both have had counts together, once, also where it is merged again."""
    counter.put(caps=Caps(per_customer=PeriodCap(3), per_customer_shown=PeriodCap(9)))
    other = somebody()
    first = counter.held(other)
    clock.now += 1
    second = counter.held(customer)
    tell(counter, "shown", customer, "d1")
    tell(counter, "dismissed", other)

    for _ in range(2):
        records.merge(counter.shop, customer, other, with_shown_and_dismissed=True)

    listed = [each.claim_id for each in records.claims(counter.shop, other)]
    counts = records.caps(counter.shop, other).counts({DEAL: counter.stored}, clock.now)
    assert listed == [first.claim_id, second.claim_id]
    assert (counts.redeemed[DEAL], counts.shown[DEAL], counts.dismissed) == (2, 1, {DEAL})
    state = counter.claims.redeem(counter.shop, DEAL, second.claim_id, other)
    assert state is ClaimState.REDEEMED
    assert isinstance(counter.claim(other), Claim)
    assert counter.claim(other) is ClaimRefusal.CAPPED
    assert records.claims(counter.shop, customer) == []
