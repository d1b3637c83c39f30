"""What a decision on offers is told of a customer who permits it: from the model, from what was
bought since it was made, from what the shop told, and from the caps.

Of an item that is sensitive now it is not told that it was bought; the order counts. Purchases
reach back `MAX_LINES` lines: who bought more since the training has bought what nobody knows, and
how much of it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.consent.gate import AdmittedToOffers
from recsvc.domain.customers.profile import NO_PROFILE, Profile
from recsvc.domain.customers.recent_events import SECONDS_PER_DAY
from recsvc.domain.customers.recent_purchases import MAX_LINES, PurchaseLine, decode, orders_of
from recsvc.domain.offers.caps import CapCounts, decode_caps
from recsvc.domain.offers.stored_offer import StoredOffer
from recsvc.domain.values.ids import OfferId
from recsvc.model.offers.inputs import CustomerFacts
from recsvc.model.offers.items import ItemsSnapshot
from recsvc.model.offers.purchases import purchases_of, spend_by_category
from recsvc.model.registry.loaded import NOTHING_PURCHASED, CustomerPurchases
from recsvc.stores.customers.profiles import decode_profile
from recsvc.usecases.access.request_access import RequestContext

MICROSECONDS_PER_SECOND = 1_000_000
# A model tells moments to a few minutes: later by less, a purchase may be in it.
MODEL_TIME_RESOLUTION_DAYS = 1 / 96

Order = Sequence[PurchaseLine]  # the earliest line first


@dataclass(frozen=True, slots=True)
class NewPurchases:
    """What the model does not know of. `is_all`: no line is left out for doubt or want of room."""

    orders: Sequence[Order]
    lines: Sequence[PurchaseLine]
    is_all: bool


@dataclass(frozen=True, slots=True)
class OrderTotals:
    """None: nobody knows. `spent`: as far as it is known what was paid."""

    count: int | None
    days_since_last: float | None
    spent: float | None


def facts_of(
    items: ItemsSnapshot,
    offers: Mapping[OfferId, StoredOffer],
    context: RequestContext,
    admitted: AdmittedToOffers,
    now_us: int,
) -> CustomerFacts | None:
    """Return the facts; None when caps or purchases cannot be read: then nothing may be offered."""
    counts = _counts(context, admitted, offers, now_us)
    if counts is None or context.offer_data is None or context.offer_data.purchases is None:
        return None
    before = _model_purchases(items, context, admitted)
    since = _new_purchases(items, before, decode(admitted.open(context.offer_data.purchases)))
    bought = purchases_of(items, before, since.lines)
    orders = _order_totals(before, since, now_us)
    return CustomerFacts(
        bought=bought,
        knows_bought=before is not None and since.is_all,
        categories=spend_by_category(items, bought),
        orders=orders.count,
        days_since_last_order=orders.days_since_last,
        spent=orders.spent,
        profile=_profile(context, admitted),
        dismissed=counts.dismissed,
        redeemed=counts.redeemed,
        shown=counts.shown,
    )


def _counts(
    context: RequestContext,
    admitted: AdmittedToOffers,
    offers: Mapping[OfferId, StoredOffer],
    now_us: int,
) -> CapCounts | None:
    if context.offer_data is None or context.offer_data.caps is None:
        return None
    try:
        fields = admitted.open(context.offer_data.caps)
        return decode_caps(fields).counts(offers, now_us) if fields else CapCounts()
    except ValueError:
        return None


def _profile(context: RequestContext, admitted: AdmittedToOffers) -> Profile:
    records = admitted.open(None if context.offer_data is None else context.offer_data.profile)
    return decode_profile(context.shop, records[0]) if records else NO_PROFILE


def _model_purchases(
    items: ItemsSnapshot, context: RequestContext, admitted: AdmittedToOffers
) -> CustomerPurchases | None:
    """Return what was done until the model was made; None: nobody knows.

    Whom the model does not know, though they permit that it learns from them, did nothing.
    """
    model = items.live_items.model
    purchased = model.purchased(admitted.personalization)
    if purchased is None and model.has_purchases and _permits_training(context):
        return NOTHING_PURCHASED
    return purchased


def _permits_training(context: RequestContext) -> bool:
    return context.consent is not None and context.consent.permits(Purpose.TRAINING)


def _new_purchases(
    items: ItemsSnapshot, before: CustomerPurchases | None, kept: Sequence[PurchaseLine]
) -> NewPurchases:
    """Tell what the model does not know of. It dates an order by its first line.

    A later line of an order that it knows may be in it, too, until the day is over that its data
    ends with.
    """
    orders, has_room = orders_of(kept), len(kept) < MAX_LINES
    if before is None or math.isnan(before.last_day):
        return NewPurchases(orders, [line for order in orders for line in order], has_room)
    new = [order for order in orders if _is_new(order[0], before.last_day)]
    rest = [line for order in orders if order not in new for line in order]
    end = math.inf if items.end_day is None else items.end_day * SECONDS_PER_DAY
    surely = [line for line in rest if line.at_seconds >= end]
    doubted = [line for line in rest if _seconds_after(before.last_day) < line.at_seconds < end]
    lines = [*(line for order in new for line in order), *surely]
    return NewPurchases(new, lines, not doubted and (has_room or len(lines) < len(kept)))


def _is_new(first: PurchaseLine, last_day: float) -> bool:
    if first.order is None and first.at_seconds // SECONDS_PER_DAY == math.floor(last_day):
        return False  # the day is one order
    return first.at_seconds > _seconds_after(last_day)


def _seconds_after(last_day: float) -> float:
    return (last_day + MODEL_TIME_RESOLUTION_DAYS) * SECONDS_PER_DAY


def _order_totals(
    before: CustomerPurchases | None, since: NewPurchases, now_us: int
) -> OrderTotals:
    if since.orders:
        last = since.orders[-1][0].at_seconds / SECONDS_PER_DAY
    else:
        last = math.nan if before is None else before.last_day
    ago = now_us / MICROSECONDS_PER_SECOND / SECONDS_PER_DAY - last
    days = None if math.isnan(ago) else max(ago, 0.0)
    if before is None or len(since.lines) >= MAX_LINES:
        return OrderTotals(None, days, None)
    return OrderTotals(before.orders + len(since.orders), days, _spent(before, since))


def _spent(before: CustomerPurchases, since: NewPurchases) -> float | None:
    """Add what was paid since. As in a training, prices that nobody knows count as nothing, and
    where no price is known, nor is what was spent.
    """
    paid = [line.paid for line in since.lines if line.paid is not None]
    if math.isnan(before.spent) or (since.lines and not paid and not before.orders):
        return None
    return before.spent + sum(paid)
