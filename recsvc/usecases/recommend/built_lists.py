"""Build the lists of a customer, of a basket and of a page: items, slate and fallback. Pure.

A list that its model cannot fill continues with popular items. No list of an admitted customer
contains an item that the customer has dismissed. `discover` excludes every item that the customer's
lists, history or recent events show as bought. `buy_again` is never filled up: it contains only
items bought before. A slate that the model lacks is answered with popular items and the fallback
`no_model`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from recsvc.domain.catalogue.list_query import ListQuery
from recsvc.domain.catalogue.slates import (
    AnonymousSlate,
    CustomerSlate,
    Fallback,
    ItemSlate,
    ReasonCode,
    Slate,
)
from recsvc.domain.consent.gate import ConsentRefused
from recsvc.domain.values.ids import ItemId
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.ranking.neighbour_votes import no_candidates
from recsvc.model.ranking.rotation import items_to_read, rotated
from recsvc.model.ranking.variants import without_variants
from recsvc.model.registry.candidates import Candidates, RankedItems
from recsvc.usecases.recommend.candidate_sources import (
    Lists,
    basket_lists,
    customer_lists,
    history_list,
    own_list,
    rows_of,
    rule_of,
    with_new_purchases,
)
from recsvc.usecases.recommend.personal_context import PersonalContext
from recsvc.usecases.recommend.public_lists import (
    BuiltList,
    anonymous_list,
    fallback_list,
    filtered_out,
    item_list,
)
from recsvc.usecases.recommend.selection import select_items

# Plain ints, which the lists hold: the hash of an enum member is computed in Python.
_OWN_REASONS = {
    int(ReasonCode.BECAUSE_YOU_BOUGHT),
    int(ReasonCode.BECAUSE_YOU_VIEWED),
    int(ReasonCode.BUY_AGAIN_DUE),
}


@dataclass(frozen=True, slots=True)
class Placement:
    """One list of a page. An item slate refers to the query's context item."""

    slate: Slate
    query: ListQuery


def customer_list(
    live_items: LiveItems,
    personal: PersonalContext | ConsentRefused,
    slate: CustomerSlate,
    query: ListQuery,
    taken: Collection[int] = (),
) -> BuiltList:
    if isinstance(personal, ConsentRefused):
        return fallback_list(live_items, query, personal.fallback, taken)
    built = _list_of_admitted(live_items, personal, slate, query, {*taken, *personal.dismissed})
    return _judged(live_items, personal, query, taken, built)


def _list_of_admitted(
    live_items: LiveItems,
    personal: PersonalContext,
    slate: CustomerSlate,
    query: ListQuery,
    taken: Collection[int],
) -> BuiltList:
    if not live_items.model.has_slate(slate):
        return fallback_list(live_items, query, Fallback.NO_MODEL, taken)
    own = live_items.model.customer_slate(personal.admitted, slate)
    if own is None:
        return _list_of_unknown(live_items, personal, slate, query, taken)
    own = with_new_purchases(live_items, personal, slate, own)
    return _personal_list(live_items, personal, slate, query, taken, own)


def _judged(
    live_items: LiveItems,
    personal: PersonalContext,
    query: ListQuery,
    taken: Collection[int],
    built: BuiltList,
) -> BuiltList:
    """Report the list as personal exactly if the anonymous list has other items or reasons.

    The anonymous list is compared without sensitive items, which no personal list has. A list that
    equals it is the anonymous one, for a customer whom the model does not know.
    """
    if not (built.is_personal or personal.dismissed) or has_own_reason(built.ranked):
        return built
    popular = AnonymousSlate.POPULAR
    anonymous = anonymous_list(
        live_items, popular, query, taken, without_sensitive=built.is_personal
    )
    if differ(built.ranked, anonymous.ranked):
        return replace(built, is_personal=True)
    if built.is_personal and not _is_known(live_items, personal):
        return fallback_list(live_items, query, Fallback.UNKNOWN_CUSTOMER, taken)
    return replace(built, is_personal=False)


def _list_of_unknown(
    live_items: LiveItems,
    personal: PersonalContext,
    slate: CustomerSlate,
    query: ListQuery,
    taken: Collection[int],
) -> BuiltList:
    """Build the list of a customer whom the model does not know, from history and events."""
    own = history_list(live_items, personal, slate)
    is_empty = not rule_of(slate).adds_items and not _bought_before(
        no_candidates() if own is None else own, personal
    )
    if is_empty or (own is None and not _takes_part(personal)):
        return fallback_list(live_items, query, Fallback.UNKNOWN_CUSTOMER, taken)
    return _personal_list(
        live_items,
        personal,
        slate,
        query,
        taken,
        no_candidates() if own is None else own,
    )


def _takes_part(personal: PersonalContext) -> bool:
    """Return whether recent events vote for an item or show a purchase."""
    interest = personal.interest
    return interest is not None and len(interest.voted) + len(interest.bought) > 0


def has_own_reason(ranked: RankedItems) -> bool:
    """Return whether an item has a reason that no anonymous list has.

    Such a list differs from the anonymous one, which then need not be built.
    """
    return not _OWN_REASONS.isdisjoint(ranked.reasons)


def differ(one: RankedItems, other: RankedItems) -> bool:
    """Return whether the items or their reasons differ; scores alone do not count."""
    return (one.items, one.reasons, one.reason_items) != (
        other.items,
        other.reasons,
        other.reason_items,
    )


def _personal_list(
    live_items: LiveItems,
    personal: PersonalContext,
    slate: CustomerSlate,
    query: ListQuery,
    taken: Collection[int],
    own: Candidates,
) -> BuiltList:
    seen = set(taken)
    lists = customer_lists(live_items, query, personal, slate, own, seen)
    ranked = _rotated(live_items, query, personal, lists, seen)
    adds_items = rule_of(slate).adds_items
    is_complete = not adds_items and query.offset + len(ranked) >= _bought_before(own, personal)
    fallback = None if is_complete else filtered_out(query, ranked)
    return BuiltList(slate, ranked, fallback, is_personal=True)


def _rotated(
    live_items: LiveItems,
    query: ListQuery,
    personal: PersonalContext,
    lists: Lists,
    seen: set[int],
) -> RankedItems:
    """Select the items; those shown without a reaction move back as far as the query says."""
    if not (query.rotate and personal.shown):
        return select_items(live_items, query, lists, seen, without_sensitive=True)
    longer = replace(query, n=items_to_read(query.n))
    ranked = select_items(live_items, longer, lists, seen, without_sensitive=True)
    return ranked.at(rotated(ranked.items, personal.shown, query.rotate, query.n))


def _bought_before(own: Candidates, personal: PersonalContext) -> int:
    """Count the items that a list without added items can contain."""
    due = [] if personal.interest is None else personal.interest.due()
    if not due and not personal.dismissed:
        return len(own)
    return len({*own.items.tolist(), *due} - personal.dismissed)


def basket_list(
    live_items: LiveItems,
    admission: PersonalContext | ConsentRefused | None,
    items: Sequence[ItemId],
    query: ListQuery,
) -> BuiltList:
    basket = rows_of(live_items, items)
    personal = admission if isinstance(admission, PersonalContext) else None
    excluded = basket if personal is None else [*basket, *personal.dismissed]
    if not live_items.model.has_slate(ItemSlate.BOUGHT_TOGETHER):
        refused = admission.fallback if isinstance(admission, ConsentRefused) else None
        return fallback_list(live_items, query, refused or Fallback.NO_MODEL, excluded)
    theirs = None
    if personal is not None:
        theirs = _own_basket_items(live_items, query, basket, personal, excluded)
    is_personal = theirs is not None
    ranked = (
        _basket_items(live_items, query, basket, None, no_candidates(), excluded)
        if theirs is None
        else theirs
    )
    fallback = filtered_out(query, ranked)
    if isinstance(admission, ConsentRefused):
        fallback = admission.fallback
    elif personal is not None and not is_personal and not _is_known(live_items, personal):
        has_slate = live_items.model.has_slate(CustomerSlate.FOR_YOU)
        fallback = Fallback.UNKNOWN_CUSTOMER if has_slate else Fallback.NO_MODEL
    return BuiltList(ItemSlate.BOUGHT_TOGETHER, ranked, fallback, is_personal=is_personal)


def _is_known(live_items: LiveItems, personal: PersonalContext) -> bool:
    return live_items.model.customer_slate(personal.admitted, CustomerSlate.FOR_YOU) is not None


def _own_basket_items(
    live_items: LiveItems,
    query: ListQuery,
    basket: Sequence[int],
    personal: PersonalContext,
    excluded: Collection[int],
) -> RankedItems | None:
    """Return the items for an admitted customer; None if they equal the anonymous ones."""
    own = own_list(live_items, personal, CustomerSlate.FOR_YOU)
    if own is None:
        if not (personal.dismissed or _takes_part(personal)):
            return None
        own = no_candidates()
    theirs = _basket_items(live_items, query, basket, personal, own, excluded)
    if has_own_reason(theirs):
        return theirs
    anonymous = _basket_items(live_items, query, basket, None, no_candidates(), basket)
    return theirs if differ(theirs, anonymous) else None


def _basket_items(
    live_items: LiveItems,
    query: ListQuery,
    basket: Sequence[int],
    personal: PersonalContext | None,
    own: Candidates,
    excluded: Collection[int],
) -> RankedItems:
    seen = set(excluded)
    lists = basket_lists(live_items, query, basket, personal, own, seen)
    lists = without_variants(live_items, basket, lists)
    return select_items(live_items, query, lists, seen, without_sensitive=True)


def placed_list(
    live_items: LiveItems,
    personal: PersonalContext | ConsentRefused | None,
    placement: Placement,
    taken: Collection[int],
) -> BuiltList:
    slate, query = placement.slate, placement.query
    match slate:
        case ItemSlate():
            if query.context_item is None:
                raise TypeError("a placement with an item slate has a context item")
            return item_list(live_items, query.context_item, slate, query, taken)
        case AnonymousSlate():
            return anonymous_list(live_items, slate, query, taken)
        case CustomerSlate():
            if personal is None:  # no customer in the request: popular items, without a fallback
                return anonymous_list(live_items, AnonymousSlate.POPULAR, query, taken)
            return customer_list(live_items, personal, slate, query, taken)
        case _:
            assert_never(slate)
