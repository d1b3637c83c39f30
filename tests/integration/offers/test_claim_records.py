"""A customer's stored claims and caps: read, merged, erased."""

import pytest

from recsvc.domain.offers.claims import Claim, ClaimRefusal, ClaimState
from recsvc.domain.offers.offer import Caps, PeriodCap
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client.connection import Connections
from recsvc.stores.offers.claim_records import ClaimRecords
from tests.integration.offers.test_claims import (
    DAY,
    DEAL,
    HOLD,
    NOON,
    Clock,
    OfferUnderTest,
    new_customer,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def offer(connections: Connections, shop: ShopName, clock: Clock) -> OfferUnderTest:
    return OfferUnderTest(connections, shop, clock)


@pytest.fixture
def records(connections: Connections, offer: OfferUnderTest) -> ClaimRecords:
    return ClaimRecords(connections, offer.claims)


def record(
    offer: OfferUnderTest, kind: str, customer: CustomerKey, decision: str | None = None
) -> None:
    permission = offer.attempt(customer).permission
    counted = offer.claims.record_offer_event(
        offer.shop, DEAL, kind, use=decision, customer=customer, permission=permission
    )
    assert counted is True


def test_caps_are_read_back(
    offer: OfferUnderTest, records: ClaimRecords, clock: Clock, customer: CustomerKey
) -> None:
    """Claims and impressions count within the periods of their caps, dismissals without an end."""
    caps = Caps(per_customer=PeriodCap(9, 7), per_customer_shown=PeriodCap(9, 1))
    offer.put(caps=caps)
    redeemed = offer.held(customer)
    offer.claims.redeem(offer.shop, DEAL, redeemed.claim_id, customer)
    offer.held(customer)
    record(offer, "shown", customer, "d1")
    record(offer, "dismissed", customer)
    kept, offers = records.caps(offer.shop, customer), {DEAL: offer.stored}

    moments = (NOON, NOON + HOLD, NOON + DAY, NOON + 7 * DAY)
    counts = [kept.counts(offers, at) for at in moments]
    assert [each.redeemed[DEAL] for each in counts] == [2, 1, 1, 0]
    assert [each.shown[DEAL] for each in counts] == [1, 1, 0, 0]
    assert all(each.dismissed == {DEAL} for each in counts)
    offer.offers.delete(offer.shop, DEAL)
    offer.put(caps=caps)
    new = kept.counts({DEAL: offer.stored}, NOON)
    assert (new.redeemed, new.shown, new.dismissed) == ({}, {}, frozenset())


def test_a_customers_claims_are_listed(
    offer: OfferUnderTest, records: ClaimRecords, clock: Clock, customer: CustomerKey
) -> None:
    """Claims are listed in any state, oldest first."""
    offer.put(["A", "B"])
    first = offer.held(customer)
    clock.now += 1
    second = offer.held(customer)
    offer.claims.redeem(offer.shop, DEAL, first.claim_id, customer)

    found = records.claims(offer.shop, customer)

    assert [(each.claim_id, each.code, each.state) for each in found] == [
        (first.claim_id, "A", ClaimState.REDEEMED),
        (second.claim_id, "B", ClaimState.HELD),
    ]


def test_nothing_is_left_of_an_erased_customer(
    offer: OfferUnderTest, records: ClaimRecords, connections: Connections, customer: CustomerKey
) -> None:
    """An erasure releases holds, keeps redemptions counted, and leaves no key of the customer."""
    offer.put(["A", "B"], caps=Caps(total_redeemed=2))
    redeemed = offer.held(customer, key_digest="aa", request_digest="01")
    offer.claims.redeem(offer.shop, DEAL, redeemed.claim_id, customer)
    offer.held(customer)
    record(offer, "dismissed", customer)

    records.forget(offer.shop, customer)

    assert records.claims(offer.shop, customer) == []
    assert (offer.stored.state.taken, offer.stored.state.codes_left) == (1, 1)
    store = connections.writes
    names = list(store.scan_iter(match=f"{{{offer.shop}}}:*", count=1000))
    assert not [name for name in names if customer.hex().encode() in name]
    hashes = [name for name in names if store.type(name) == b"hash"]
    assert not [name for name in hashes if customer.hex().encode() in store.hvals(name)]


def test_a_merge_joins_returned_codes(
    offer: OfferUnderTest, records: ClaimRecords, customer: CustomerKey
) -> None:
    """The remaining customer gets the returned codes of both customers, each once."""
    offer.put(["A", "B", "of both", "C"])
    other = new_customer()
    for each, number in ((customer, 2), (other, 3)):
        claims = [offer.held(each) for _ in range(number)]
        for claim in claims:
            offer.claims.release(offer.shop, DEAL, claim.claim_id, each)

    for _ in range(2):
        records.merge(offer.shop, customer, other, with_shown_and_dismissed=False)

    expected = ["of both", "C", "A", "B"]
    assert sorted(records.caps(offer.shop, other).codes[DEAL].codes) == sorted(expected)
    assert {offer.held(other).code for _ in range(4)} == set(expected)
    assert records.caps(offer.shop, customer).codes == {}


def test_a_merge_adds_up_the_counts(
    offer: OfferUnderTest, records: ClaimRecords, clock: Clock, customer: CustomerKey
) -> None:
    """Claims and impressions of both customers count together, once, even after a second merge."""
    offer.put(caps=Caps(per_customer=PeriodCap(3), per_customer_shown=PeriodCap(9)))
    other = new_customer()
    first = offer.held(other)
    clock.now += 1
    second = offer.held(customer)
    record(offer, "shown", customer, "d1")
    record(offer, "dismissed", other)

    for _ in range(2):
        records.merge(offer.shop, customer, other, with_shown_and_dismissed=True)

    listed = [each.claim_id for each in records.claims(offer.shop, other)]
    counts = records.caps(offer.shop, other).counts({DEAL: offer.stored}, clock.now)
    assert listed == [first.claim_id, second.claim_id]
    assert (counts.redeemed[DEAL], counts.shown[DEAL], counts.dismissed) == (2, 1, {DEAL})
    state = offer.claims.redeem(offer.shop, DEAL, second.claim_id, other)
    assert state is ClaimState.REDEEMED
    assert isinstance(offer.claim(other), Claim)
    assert offer.claim(other) is ClaimRefusal.CAPPED
    assert records.claims(offer.shop, customer) == []
