"""What a decision on offers is told of a customer who permits it: from the model, from what has
happened since it was made, from what the shop told, and from the caps.

Of an item that is sensitive now nothing is told. Purchases since the training count as orders, but
not as spent: what was paid for them is not kept of recent events.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from recsvc.domain.caps import CapCounts, decode_caps
from recsvc.domain.consent import Purpose
from recsvc.domain.gate import AdmittedToOffers
from recsvc.domain.ids import OfferId
from recsvc.domain.offer_state import StoredOffer
from recsvc.domain.profile import NO_PROFILE, Profile
from recsvc.domain.recent import SECONDS_PER_DAY
from recsvc.model.interest import purchases_of
from recsvc.model.loaded import Purchased
from recsvc.model.offers.bought import Since, bought_of, by_category
from recsvc.model.offers.facts import CustomerFacts
from recsvc.model.offers.stock import Stock
from recsvc.stores.profiles import decode_profile
from recsvc.usecases.entrance import Visit

MICROSECONDS = 1_000_000
# A model tells moments to a few minutes: later by less, a purchase may be in it.
LATER_DAYS = 1 / 96


@dataclass(frozen=True, slots=True)
class Orders:
    """None: nobody knows."""

    count: int | None
    days_since_last: float | None
    spent: float | None


def facts_of(
    stock: Stock,
    offers: Mapping[OfferId, StoredOffer],
    visit: Visit,
    admitted: AdmittedToOffers,
    now_us: int,
) -> CustomerFacts | None:
    """Return the facts; None when the caps cannot be read: then nothing may be offered."""
    counts = _counts(visit, admitted, offers, now_us)
    if counts is None:
        return None
    purchased = stock.assortment.model.purchased(admitted.personalization)
    since = _since(stock, visit, admitted, purchased)
    bought = bought_of(stock, purchased, since)
    orders = _orders(stock, visit, purchased, since, now_us)
    return CustomerFacts(
        bought=bought,
        categories=by_category(stock, bought),
        orders=orders.count,
        days_since_last_order=orders.days_since_last,
        spent=orders.spent,
        profile=_profile(visit, admitted),
        dismissed=counts.dismissed,
        redeemed=counts.redeemed,
        shown=counts.shown,
    )


def _counts(
    visit: Visit,
    admitted: AdmittedToOffers,
    offers: Mapping[OfferId, StoredOffer],
    now_us: int,
) -> CapCounts | None:
    if visit.told is None or visit.told.caps is None:
        return None
    try:
        fields = admitted.open(visit.told.caps)
        return decode_caps(fields).counts(offers, now_us) if fields else CapCounts()
    except ValueError:
        return None


def _profile(visit: Visit, admitted: AdmittedToOffers) -> Profile:
    records = admitted.open(None if visit.told is None else visit.told.profile)
    return decode_profile(visit.shop, records[0]) if records else NO_PROFILE


def _since(
    stock: Stock, visit: Visit, admitted: AdmittedToOffers, purchased: Purchased | None
) -> Since:
    """Return the purchases that the model does not know of, the latest first."""
    if visit.profile is None:
        return ()
    found = purchases_of(stock.assortment, visit.profile.open(admitted.personalization))
    days = [(at_seconds / SECONDS_PER_DAY, row) for at_seconds, row in found]
    if purchased is None or math.isnan(purchased.last_day):
        return days
    return [each for each in days if each[0] > purchased.last_day + LATER_DAYS]


def _orders(
    stock: Stock, visit: Visit, purchased: Purchased | None, since: Since, now_us: int
) -> Orders:
    """Count orders. Purchases of one moment are one order.

    Whom the model does not know, though they permit that it learns from them, has ordered nothing
    before it was made; of others who are not in it nobody knows.
    """
    moments = {day for day, _ in since}
    count: int | None = None
    if purchased is not None:
        count = purchased.orders + len(moments)
    elif stock.assortment.model.knows_customers and _may_be_learned_from(visit):
        count = len(moments)
    last = max(moments, default=math.nan if purchased is None else purchased.last_day)
    ago = now_us / MICROSECONDS / SECONDS_PER_DAY - last
    spent = math.nan if purchased is None else purchased.spent
    return Orders(
        count,
        None if math.isnan(ago) else max(ago, 0.0),
        None if math.isnan(spent) else spent,
    )


def _may_be_learned_from(visit: Visit) -> bool:
    return visit.consent is not None and visit.consent.permits(Purpose.TRAINING)
