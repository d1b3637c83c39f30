"""Order the items that a caller brings: a search result, or the items of a category page. Pure.

For an admitted customer the items of the customer's `for_you` list come first, then the others by
popularity, then those on cooldown. Without a customer all are ordered by popularity. Items that
neither the model nor the catalogue knows come last; items that are not available, or that the
customer has dismissed, are left out.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from recsvc.domain.catalogue.list_query import NO_FILTERS, Filters
from recsvc.domain.catalogue.slates import AnonymousSlate, CustomerSlate, Fallback
from recsvc.domain.consent.gate import ConsentRefused
from recsvc.domain.values.ids import ItemId
from recsvc.model.ranking.given_order import given_order
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.ranking.neighbour_votes import no_candidates
from recsvc.model.ranking.recent_interest import reranked
from recsvc.model.registry.candidates import Candidates
from recsvc.usecases.recommend.built_lists import differ, has_own_reason
from recsvc.usecases.recommend.candidate_sources import own_list
from recsvc.usecases.recommend.personal_context import PersonalContext
from recsvc.usecases.recommend.public_lists import BuiltList

MAX_GIVEN = 1000


@dataclass(frozen=True, slots=True)
class GivenItems:
    """A request to order items. `n`: the most items in the answer."""

    items: Sequence[ItemId]
    n: int = MAX_GIVEN
    filters: Filters = NO_FILTERS
    fields: tuple[str, ...] = ()


class OrderedItems(NamedTuple):
    """The known items in order, and the unknown ones that follow them."""

    known: BuiltList
    known_ids: list[ItemId]
    unknown: list[ItemId]


def ordered_items(
    live_items: LiveItems, personal: PersonalContext | ConsentRefused | None, given: GivenItems
) -> OrderedItems:
    own, on_cooldown = _own_list(live_items, personal)
    given_items = list(dict.fromkeys(given.items))
    items = _without_dismissed(live_items, personal, given_items)
    order = given_order(live_items, items, own, on_cooldown, given.filters, given.n)
    ranked, is_personal = order.known, has_own_reason(order.known)
    if not is_personal and (order.uses_own or len(items) < len(given_items)):
        other = given_order(live_items, given_items, no_candidates(), (), given.filters, given.n)
        is_personal = differ(ranked, other.known) or order.unknown != other.unknown
    if is_personal:
        built = BuiltList(CustomerSlate.FOR_YOU, ranked, None, is_personal=True)
        return OrderedItems(built, order.known_ids, order.unknown)
    fallback = None if personal is None else Fallback.UNKNOWN_CUSTOMER
    if isinstance(personal, ConsentRefused):
        fallback = personal.fallback
    built = BuiltList(AnonymousSlate.POPULAR, ranked, fallback)
    return OrderedItems(built, order.known_ids, order.unknown)


def _without_dismissed(
    live_items: LiveItems, personal: PersonalContext | ConsentRefused | None, items: list[ItemId]
) -> list[ItemId]:
    """Leave out what the customer dismissed, also items that only the caller knows."""
    if not isinstance(personal, PersonalContext):
        return items
    dismissed = {*live_items.ids(sorted(personal.dismissed)), *personal.history.dismissed_unknown}
    return [item for item in items if item not in dismissed] if dismissed else items


def _own_list(
    live_items: LiveItems, personal: PersonalContext | ConsentRefused | None
) -> tuple[Candidates, Collection[int]]:
    """Return the customer's list, reranked by recent events, and the items on cooldown.

    The list of a customer whom the model does not know is ranked by the purchase history.
    """
    if not isinstance(personal, PersonalContext):
        return no_candidates(), ()
    own = own_list(live_items, personal, CustomerSlate.FOR_YOU)
    own, interest = no_candidates() if own is None else own, personal.interest
    if interest is None:
        return _without_sensitive(live_items, own), ()
    own = reranked(own, interest, adds_items=True)
    return _without_sensitive(live_items, own), interest.on_cooldown()


def _without_sensitive(live_items: LiveItems, own: Candidates) -> Candidates:
    """Leave out items that are sensitive now: they keep the place that popularity gives them."""
    is_sensitive = live_items.sensitive[own.items]
    return own.at((~is_sensitive).nonzero()[0]) if is_sensitive.any() else own
