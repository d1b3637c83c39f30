"""An offer is offered and claimable from its start until before its end, and never after deletion.

The times have any UTC offset and pass through the store to the answer; the clock is set.
"""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.offers.claims import Claim, ClaimFailure, ClaimRefusal
from recsvc.domain.offers.offer import Caps, Kind, Offer
from recsvc.domain.offers.offer_validation import read_offer
from recsvc.domain.values.customer_keys import Secret
from recsvc.domain.values.ids import OfferId
from recsvc.stores.client.connection import Connections
from recsvc.usecases.offers.claims import ClaimRequest
from recsvc.usecases.offers.decide import OffersQuery
from tests.consents import now_us
from tests.property.small_service import HOLD_US, SmallService

DEAL = OfferId("deal")
SECOND_US = 1_000_000
MINUTES = st.integers(-12 * 60, 14 * 60)  # offsets of time zones
TIMES = st.one_of(
    st.sampled_from([-1, 0, 1, SECOND_US - 1, SECOND_US, SECOND_US + 1]),
    st.integers(-2 * SECOND_US, 3 * SECOND_US),
)


class Clock:
    """A clock that is set by hand. It starts at the time of the test."""

    def __init__(self) -> None:
        self.now = self.start = now_us()

    def __call__(self) -> int:
        return self.now


class OfferShop:
    """A shop in which Anna permits everything, and Bert is unknown."""

    def __init__(self, connections: Connections, secret: Secret, folder: Path) -> None:
        self.clock = Clock()
        self.service = SmallService(connections, secret, folder, self.clock, max_age_days=30)
        anna = self.service.key("anna")
        self.service.consents.write(self.service.shop, anna, dict.fromkeys(Purpose, True))

    def is_offered(self, name: str) -> bool:
        context = self.service.context(name)
        answer = self.service.decider.decide_for(context, OffersQuery())
        assert answer.personalized is (name == "anna")
        return DEAL in [offer.offer_id for offer in answer.offers]

    def claim(self, name: str = "anna") -> object:
        context = self.service.context(name)
        return self.service.claim_service.claim(context, ClaimRequest(DEAL))


@pytest.fixture(scope="module")
def offer_shop(connections: Connections, secret: Secret, data_dir: Path) -> OfferShop:
    return OfferShop(connections, secret, data_dir / "models-of-offers")


def local_time(at_us: int, minutes: int) -> str:
    """Return a time as RFC 3339 with an offset of so many minutes."""
    zone = timezone(timedelta(minutes=minutes))
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)
    return moment.astimezone(zone).isoformat()


@settings(deadline=None, max_examples=40)
@given(
    has_start=st.booleans(),
    has_end=st.booleans(),
    zones=st.tuples(MINUTES, MINUTES),
    moment=TIMES,
)
@example(True, True, (0, 0), -1)
@example(True, True, (60, -60), 0)
@example(True, True, (-330, 330), SECOND_US - 1)
@example(True, True, (60, 120), SECOND_US)
def test_an_offer_is_valid_from_its_start_until_before_its_end(
    offer_shop: OfferShop, has_start: bool, has_end: bool, zones: tuple[int, int], moment: int
) -> None:
    """Start and end are exact to the microsecond, in decisions and in claims."""
    starts, ends = offer_shop.clock.start, offer_shop.clock.start + SECOND_US
    fields: dict[str, object] = {"title": "A deal", "kind": "gift"}
    fields |= {"starts_at": local_time(starts, zones[0])} if has_start else {}
    fields |= {"ends_at": local_time(ends, zones[1])} if has_end else {}
    offer_shop.clock.now = now = starts + moment
    offer_shop.service.put_offer(read_offer(DEAL, fields), [])
    expected = (not has_start or starts <= now) and (not has_end or now < ends)

    assert offer_shop.is_offered("anna") is expected
    assert offer_shop.is_offered("bert") is expected
    claimed = offer_shop.claim()
    assert isinstance(claimed, Claim) if expected else claimed is ClaimRefusal.WINDOW
    assert offer_shop.service.delete_offer(DEAL)
    assert not offer_shop.is_offered("anna")
    assert not offer_shop.is_offered("bert")
    assert offer_shop.claim() is ClaimFailure.NOT_FOUND


@settings(deadline=None, max_examples=20)
@given(moments=st.lists(TIMES.map(lambda moment: moment % (2 * SECOND_US)), max_size=5))
def test_a_cached_offer_starts_and_ends_by_the_clock(
    offer_shop: OfferShop, moments: list[int]
) -> None:
    """A cached offer starts and ends without another read of the store."""
    starts = offer_shop.clock.start + SECOND_US // 2
    offer = Offer(DEAL, "A deal", Kind.GIFT, starts_at_us=starts, ends_at_us=starts + SECOND_US)
    offer_shop.clock.now = starts - 1
    offer_shop.service.put_offer(offer, [])
    assert not offer_shop.is_offered("bert")

    for moment in sorted(moments):
        offer_shop.clock.now = starts - 1 + moment
        assert offer_shop.is_offered("bert") is (1 <= moment <= SECOND_US)


def test_a_freed_claim_that_is_taken_again_exhausts_the_offer(offer_shop: OfferShop) -> None:
    """After a hold ends, the offer is available until another customer claims it."""
    offer_shop.clock.now = offer_shop.clock.start
    bert, service = offer_shop.service.key("bert"), offer_shop.service
    service.consents.write(service.shop, bert, {Purpose.OFFERS: True})
    service.put_offer(Offer(DEAL, "A deal", Kind.GIFT, caps=Caps(total_redeemed=1)), [])
    assert isinstance(offer_shop.claim("bert"), Claim)
    while_held = offer_shop.is_offered("anna")
    offer_shop.clock.now += HOLD_US
    after_hold = offer_shop.is_offered("anna")
    assert isinstance(offer_shop.claim("anna"), Claim)

    assert (while_held, after_hold) == (False, True)
    assert not offer_shop.is_offered("anna")
    assert not offer_shop.is_offered("bert")
    service.delete_offer(DEAL)
