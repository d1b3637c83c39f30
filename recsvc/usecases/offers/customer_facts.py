"""Facts about an admitted customer: from the model, the history, the profile and the caps.

A sensitive item is left out of the purchases, but its order counts. The purchase history has limits
(`recsvc.domain.customers.purchase_history`): if purchases since the training have left it, the
number of orders and the spend are unknown.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.consent.gate import AdmittedToOffers
from recsvc.domain.customers.profile import NO_PROFILE, Profile
from recsvc.domain.customers.purchase_history import KEPT_MINUTES, PurchaseHistory, decode
from recsvc.domain.customers.purchase_lines import PurchaseLine, lines_of, orders_of
from recsvc.domain.customers.recent_events import SECONDS_PER_DAY
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
SECONDS_PER_MINUTE = 60
# A model's times are rounded to minutes: a purchase less than this later may be in it.
MODEL_TIME_RESOLUTION_DAYS = 1 / 96

Order = Sequence[PurchaseLine]  # the earliest line first


@dataclass(frozen=True, slots=True)
class NewPurchases:
    """Purchases that the model does not contain.

    `lines`: of the orders and of items whose orders have been summed up. `has_all`: none has left
    the history. `is_certain`: no line may be in the model too.
    """

    orders: Sequence[Order]
    lines: Sequence[PurchaseLine]
    has_all: bool
    is_certain: bool = True


@dataclass(frozen=True, slots=True)
class OrderTotals:
    """Totals over all orders. None: unknown. `spent`: the sum of the known prices."""

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
    """Return the facts; None if caps or purchases are unreadable: then answer generically."""
    counts = _counts(context, admitted, offers, now_us)
    if counts is None or context.history is None:
        return None
    learned = _model_purchases(items, context, admitted)
    content = admitted.open(context.history)
    history = decode(content[0]) if content else PurchaseHistory()
    recent = _new_purchases(items, learned, history, now_us // MICROSECONDS_PER_SECOND)
    bought = purchases_of(items, learned, recent.lines)
    orders = _order_totals(learned, recent, now_us)
    return CustomerFacts(
        bought=bought,
        knows_bought=learned is not None and recent.has_all and recent.is_certain,
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
    """Return the purchases that the model contains; None: unknown.

    A customer who permits training but is not in the model had no purchases.
    """
    model = items.live_items.model
    purchased = model.purchased(admitted.personalization)
    if purchased is None and model.has_purchases and _permits_training(context):
        return NOTHING_PURCHASED
    return purchased


def _permits_training(context: RequestContext) -> bool:
    return context.consent is not None and context.consent.permits(Purpose.TRAINING)


def _new_purchases(
    items: ItemsSnapshot,
    learned: CustomerPurchases | None,
    history: PurchaseHistory,
    now_seconds: int,
) -> NewPurchases:
    """Return the stored purchases that the model does not contain.

    The model dates an order by its first line. So a later line of a known order may be in the
    model, up to the end of the last day of its data: such a line is uncertain.
    """
    orders = orders_of(lines_of(history, now_seconds))
    lost_seconds = history.lost_minute * SECONDS_PER_MINUTE
    if learned is None or math.isnan(learned.last_day):
        lines = [line for order in orders for line in order]
        rest = _items_without_lines(history, lines, now_seconds, 0)
        return NewPurchases(orders, [*lines, *rest], has_all=not lost_seconds)
    new = [order for order in orders if _is_new(order[0], learned.last_day)]
    rest = [line for order in orders if order not in new for line in order]
    end = math.inf if items.end_day is None else items.end_day * SECONDS_PER_DAY
    newer = [line for line in rest if line.at_seconds >= end]
    uncertain = [line for line in rest if _seconds_after(learned.last_day) < line.at_seconds < end]
    lines = [*(line for order in new for line in order), *newer]
    summed_up = _items_without_lines(history, lines, now_seconds, end)
    has_all = lost_seconds <= learned.last_day * SECONDS_PER_DAY
    return NewPurchases(new, [*lines, *summed_up], has_all, not uncertain)


def _items_without_lines(
    history: PurchaseHistory, lines: Sequence[PurchaseLine], now_seconds: int, since: float
) -> list[PurchaseLine]:
    """Return a line without an amount for each item bought since then that no line names."""
    named = {line.item_id for line in lines}
    oldest = now_seconds // SECONDS_PER_MINUTE - KEPT_MINUTES
    return [
        PurchaseLine(item.last_minute * SECONDS_PER_MINUTE, item.item_id)
        for item in history.items
        if item.item_id not in named
        and item.last_minute > oldest
        and item.last_minute * SECONDS_PER_MINUTE >= since
    ]


def _is_new(first: PurchaseLine, last_day: float) -> bool:
    if first.order is None and first.at_seconds // SECONDS_PER_DAY == math.floor(last_day):
        return False  # without order ids, the lines of one day are one order
    return first.at_seconds > _seconds_after(last_day)


def _seconds_after(last_day: float) -> float:
    return (last_day + MODEL_TIME_RESOLUTION_DAYS) * SECONDS_PER_DAY


def _order_totals(
    learned: CustomerPurchases | None, recent: NewPurchases, now_us: int
) -> OrderTotals:
    if recent.orders:
        last = recent.orders[-1][0].at_seconds / SECONDS_PER_DAY
    else:
        last = math.nan if learned is None else learned.last_day
    ago = now_us / MICROSECONDS_PER_SECOND / SECONDS_PER_DAY - last
    days = None if math.isnan(ago) else max(ago, 0.0)
    if learned is None or not recent.has_all:
        return OrderTotals(None, days, None)
    return OrderTotals(learned.orders + len(recent.orders), days, _spent(learned, recent))


def _spent(learned: CustomerPurchases, recent: NewPurchases) -> float | None:
    """Add the prices paid since the training. As in training, an unknown price counts as 0.

    The total is unknown if no price is known.
    """
    paid = [line.paid for line in recent.lines if line.paid is not None]
    if math.isnan(learned.spent) or (recent.lines and not paid and not learned.orders):
        return None
    return learned.spent + sum(paid)
