"""The validity of offers at a given time, and counters after holds have ended."""

from datetime import UTC, datetime

import pytest

from recsvc.domain.offers.offer import Caps, Kind, Offer
from recsvc.domain.offers.offer_validation import read_offer
from recsvc.domain.offers.stored_offer import OfferState, StoredOffer
from recsvc.domain.values.ids import OfferId
from recsvc.model.offers.columns import columns_of
from recsvc.model.offers.decision import decide
from recsvc.model.offers.inputs import CustomerFacts, DecisionRequest, OfferCounters
from recsvc.model.offers.items import ItemsSnapshot
from recsvc.model.offers.performance import performance_of
from recsvc.model.ranking.catalogue_columns import CatalogueColumns
from recsvc.model.ranking.live_items import NEVER, LiveItems
from recsvc.model.registry.no_model import no_model
from recsvc.usecases.offers.counters import counters_of, next_hold_end_us

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOON_US = int(NOON.timestamp()) * 1_000_000


@pytest.mark.parametrize("is_personal", [True, False])
@pytest.mark.parametrize(
    ("fields", "now_us", "is_offered"),
    [
        ({"starts_at": "2026-05-01T12:00:00Z"}, NOON_US - 1, False),
        ({"starts_at": "2026-05-01T12:00:00Z"}, NOON_US, True),
        ({"starts_at": "2026-05-01T14:00:00+02:00"}, NOON_US, True),
        ({"starts_at": "2026-05-01T12:00:00-01:00"}, NOON_US, False),
        ({"ends_at": "2026-05-01T12:00:00Z"}, NOON_US - 1, True),
        ({"ends_at": "2026-05-01T12:00:00Z"}, NOON_US, False),
    ],
)
def test_an_offer_is_valid_from_its_start_until_before_its_end(
    fields: dict[str, object], now_us: int, is_offered: bool, is_personal: bool
) -> None:
    """Start and end are exact to the microsecond, in any time zone."""
    offer = read_offer(OfferId("deal"), {"title": "A deal", "kind": "gift", **fields})
    columns = columns_of([offer], ItemsSnapshot(LiveItems(no_model(), CatalogueColumns(), 0)))
    facts = CustomerFacts() if is_personal else None
    decision = decide(
        columns, performance_of(columns, OfferCounters()), facts, DecisionRequest(now_us)
    )

    assert [choice.offer_id for choice in decision.choices] == ["deal"] * is_offered


def stored(**counts: object) -> dict[OfferId, StoredOffer]:
    offer = Offer(OfferId("deal"), "A deal", Kind.GIFT, caps=Caps(total_redeemed=2))
    state = OfferState(1, 1, **counts)
    return {offer.offer_id: StoredOffer(offer, state)}


def test_an_ended_hold_counts_as_free() -> None:
    """An ended hold frees its claim before the store removes it, also under a lowered total."""
    offers = stored(taken=4, redeemed=1, is_exhausted=True, first_hold_end_us=NOON_US)

    assert next_hold_end_us(offers, NOON_US - 1) == NOON_US
    assert next_hold_end_us(offers, NOON_US) == NEVER
    assert counters_of(offers, NOON_US - 1).taken[OfferId("deal")] == 4
    assert counters_of(offers, NOON_US).taken[OfferId("deal")] == 1


def test_an_offer_that_is_not_exhausted_waits_for_no_hold() -> None:
    """The end of a hold changes nothing while the offer is not exhausted."""
    offers = stored(taken=1, first_hold_end_us=NOON_US)

    assert next_hold_end_us(offers, 0) == NEVER
    assert counters_of(offers, NOON_US + 1).taken[OfferId("deal")] == 1
