"""An offer is shown and had from its start on, no more at its end, and never once it is deleted.

As a shop writes it, in any time zone, through the store to the answer, under a clock of ours.
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
MINUTES = st.integers(-12 * 60, 14 * 60)  # between UTC and where a shop may be
MOMENTS = st.one_of(
    st.sampled_from([-1, 0, 1, SECOND_US - 1, SECOND_US, SECOND_US + 1]),
    st.integers(-2 * SECOND_US, 3 * SECOND_US),
)


class Clock:
    """A time that stands still until it is told; it begins when the tests do."""

    def __init__(self) -> None:
        self.now = self.began = now_us()

    def __call__(self) -> int:
        return self.now


class Counter:
    """A shop in which Anna permits everything, and of Bert nobody has heard."""

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
def counter(connections: Connections, secret: Secret, data_dir: Path) -> Counter:
    return Counter(connections, secret, data_dir / "models-of-offers")


def written(at_us: int, minutes: int) -> str:
    """Write a moment as clocks show it that go so many minutes before those of UTC."""
    zone = timezone(timedelta(minutes=minutes))
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)
    return moment.astimezone(zone).isoformat()


@settings(deadline=None, max_examples=40)
@given(
    has_start=st.booleans(),
    has_end=st.booleans(),
    zones=st.tuples(MINUTES, MINUTES),
    moment=MOMENTS,
)
@example(True, True, (0, 0), -1)
@example(True, True, (60, -60), 0)
@example(True, True, (-330, 330), SECOND_US - 1)
@example(True, True, (60, 120), SECOND_US)
def test_an_offer_is_there_from_its_start_until_before_its_end(
    counter: Counter, has_start: bool, has_end: bool, zones: tuple[int, int], moment: int
) -> None:
    """To the microsecond: for a customer who permits it, for anybody, and for a claim."""
    starts, ends = counter.clock.began, counter.clock.began + SECOND_US
    said: dict[str, object] = {"title": "A deal", "kind": "gift"}
    said |= {"starts_at": written(starts, zones[0])} if has_start else {}
    said |= {"ends_at": written(ends, zones[1])} if has_end else {}
    counter.clock.now = now = starts + moment
    counter.service.put_offer(read_offer(DEAL, said), [])
    expected = (not has_start or starts <= now) and (not has_end or now < ends)

    assert counter.is_offered("anna") is expected
    assert counter.is_offered("bert") is expected
    claimed = counter.claim()
    assert isinstance(claimed, Claim) if expected else claimed is ClaimRefusal.WINDOW
    assert counter.service.delete_offer(DEAL)
    assert not counter.is_offered("anna")
    assert not counter.is_offered("bert")
    assert counter.claim() is ClaimFailure.NOT_FOUND


@settings(deadline=None, max_examples=20)
@given(moments=st.lists(MOMENTS.map(lambda moment: moment % (2 * SECOND_US)), max_size=5))
def test_a_worker_that_knows_an_offer_begins_and_ends_to_show_it(
    counter: Counter, moments: list[int]
) -> None:
    """Nothing is read anew when its time comes, or goes; the clock alone decides."""
    starts = counter.clock.began + SECOND_US // 2
    offer = Offer(DEAL, "A deal", Kind.GIFT, starts_at_us=starts, ends_at_us=starts + SECOND_US)
    counter.clock.now = starts - 1
    counter.service.put_offer(offer, [])
    assert not counter.is_offered("bert")

    for moment in sorted(moments):
        counter.clock.now = starts - 1 + moment
        assert counter.is_offered("bert") is (1 <= moment <= SECOND_US)


def test_what_somebody_else_has_by_then_is_shown_to_nobody(counter: Counter) -> None:
    """A hold that ends gives back; who takes that leaves nothing again, from then on."""
    counter.clock.now = counter.clock.began
    bert, service = counter.service.key("bert"), counter.service
    service.consents.write(service.shop, bert, {Purpose.OFFERS: True})
    service.put_offer(Offer(DEAL, "A deal", Kind.GIFT, caps=Caps(total_redeemed=1)), [])
    assert isinstance(counter.claim("bert"), Claim)
    used_up = counter.is_offered("anna")
    counter.clock.now += HOLD_US
    given_back = counter.is_offered("anna")
    assert isinstance(counter.claim("anna"), Claim)

    assert (used_up, given_back) == (False, True)
    assert not counter.is_offered("anna")
    assert not counter.is_offered("bert")
    service.delete_offer(DEAL)
