"""The admitted customer of a request, with the purchase history and the recent interest."""

from collections.abc import Mapping
from dataclasses import dataclass

from recsvc.domain.consent.gate import Admitted, Sealed
from recsvc.domain.customers.recent_events import EventWeights
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.ranking.purchase_rows import PurchaseRows, purchase_rows
from recsvc.model.ranking.recent_interest import RecentInterest, interest_of
from recsvc.model.ranking.rotation import unfollowed_impressions


@dataclass(frozen=True, slots=True)
class PersonalContext:
    """`interest` is None when no recent event counts. `history` may be empty.

    `new_purchases`: the part of the history that the model's lists of the customer do not contain.
    """

    admitted: Admitted
    interest: RecentInterest | None
    history: PurchaseRows
    new_purchases: PurchaseRows
    shown: Mapping[int, int]  # impressions without a reaction, by item row; empty: not read
    dismissed: frozenset[int] = frozenset()  # item rows; none of the customer's lists shows them
    now_seconds: float = 0.0  # of the request, since 1970


def personal_context_of(
    live_items: LiveItems,
    admitted: Admitted,
    recent_events: Sealed | None,
    history: Sealed | None,
    impressions: Sealed | None,
    now_seconds: float,
    weights: EventWeights,
) -> PersonalContext:
    """Open the sealed data with the admission. Events of dismissed items do not count.

    The history ranks the purchases of a customer whom the model does not know; the votes of views
    and carts are then scaled without them. It does so too where the model has a share for the
    purchases of its own customers. Of these, purchases up to the end of the model's data do not
    count again.
    """
    model = live_items.model
    is_known = model.knows(admitted)
    end_seconds = model.data_end_seconds if is_known else None
    content = () if history is None else history.open(admitted)
    bought = purchase_rows(live_items, content, now_seconds)
    entries = () if recent_events is None else recent_events.open(admitted)
    interest = None
    if entries:
        interest = interest_of(
            live_items,
            entries,
            now_seconds,
            bought.dismissed,
            weights,
            has_history=model.purchases_share is not None if is_known else len(bought.rows) > 0,
            known_until=end_seconds,
        )
    shown: Mapping[int, int] = {}
    if impressions is not None:
        seen = impressions.open(admitted)
        shown = unfollowed_impressions(live_items, seen, entries, bought, now_seconds)
    dismissed = frozenset(bought.dismissed.tolist())
    new = bought if end_seconds is None else bought.since(end_seconds)
    return PersonalContext(admitted, interest, bought, new, shown, dismissed, now_seconds)
