"""Build the lists that are equal for all customers: of an item, and anonymous ones. Pure.

`similar` continues with the best items of the item's category and its parents, every list with
popular items. An item's list excludes that item and every sensitive item. A slate that the model
lacks is answered with popular items and the fallback `no_model`.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import assert_never

from recsvc.domain.catalogue.list_query import ListQuery
from recsvc.domain.catalogue.slates import AnonymousSlate, CustomerSlate, Fallback, ItemSlate, Slate
from recsvc.domain.values.ids import ItemId
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.ranking.variants import without_variants
from recsvc.model.registry.candidates import Candidates, RankedItems
from recsvc.usecases.recommend.candidate_sources import (
    Lists,
    anonymous_lists,
    category_lists,
    neighbour_lists,
    popular_lists,
    rows_of,
)
from recsvc.usecases.recommend.selection import Repetition, select_items


@dataclass(frozen=True, slots=True)
class BuiltList:
    """A ranked list with the slate and the fallback to report."""

    slate: Slate
    ranked: RankedItems
    fallback: Fallback | None
    is_personal: bool = False


def item_list(
    live_items: LiveItems,
    item: ItemId,
    slate: ItemSlate,
    query: ListQuery,
    taken: Collection[int] = (),
) -> BuiltList:
    rows = rows_of(live_items, [item])
    if not live_items.model.has_slate(slate):
        return fallback_list(live_items, query, Fallback.NO_MODEL, {*taken, *rows})
    own = _own_lists(live_items, slate, rows)
    nearest = list(islice((each for each in own if _has_others(each, rows)), 1))
    lists: Lists = chain(nearest, own, popular_lists(live_items, query))
    avoided = Repetition.VARIANTS
    if slate is ItemSlate.BOUGHT_TOGETHER:
        lists, avoided = without_variants(live_items, rows, lists), Repetition.NONE
    ranked = select_items(
        live_items, query, lists, {*taken, *rows}, avoided, without_sensitive=True
    )
    if not nearest:
        return BuiltList(AnonymousSlate.POPULAR, ranked, Fallback.UNKNOWN_ITEM)
    return BuiltList(slate, ranked, filtered_out(query, ranked))


def _has_others(candidates: Candidates, rows: Sequence[int]) -> bool:
    """Return whether a list without repetitions has an item beside these (one at most)."""
    return len(candidates) > len(rows) or candidates.items.tolist() not in ([], list(rows))


def _own_lists(
    live_items: LiveItems, slate: ItemSlate, rows: Sequence[int]
) -> Iterator[Candidates]:
    """Yield what is known of one item: its neighbours, for `similar` also its category.

    A sensitive item has no neighbours.
    """
    voters = [row for row in rows if not live_items.is_sensitive(row)]
    yield from neighbour_lists(live_items, [slate], voters)
    if slate is ItemSlate.SIMILAR:
        yield from category_lists(live_items, rows)


def anonymous_list(
    live_items: LiveItems,
    slate: AnonymousSlate,
    query: ListQuery,
    taken: Collection[int] = (),
    *,
    without_sensitive: bool = False,
) -> BuiltList:
    if not live_items.model.has_slate(slate):
        return fallback_list(live_items, query, Fallback.NO_MODEL, taken)
    lists = anonymous_lists(live_items, slate, query)
    ranked = select_items(
        live_items,
        query,
        lists,
        set(taken),
        Repetition.CATEGORIES,
        without_sensitive=without_sensitive,
    )
    return BuiltList(slate, ranked, filtered_out(query, ranked))


def fallback_list(
    live_items: LiveItems, query: ListQuery, fallback: Fallback, taken: Collection[int]
) -> BuiltList:
    """Return the popular items, with the reason why they replace the requested list."""
    return replace(
        anonymous_list(live_items, AnonymousSlate.POPULAR, query, taken), fallback=fallback
    )


def without_model(built: BuiltList) -> BuiltList:
    """Report an anonymous slate and `no_model`, unless a stronger fallback is set already."""
    fallback = built.fallback
    if fallback in (None, Fallback.FILTERED_OUT, Fallback.UNKNOWN_ITEM):
        fallback = Fallback.NO_MODEL
    match built.slate:
        case AnonymousSlate():
            return replace(built, fallback=fallback)
        case CustomerSlate() | ItemSlate():
            return replace(built, slate=AnonymousSlate.POPULAR, fallback=fallback)
        case _:
            assert_never(built.slate)


def filtered_out(query: ListQuery, ranked: RankedItems) -> Fallback | None:
    """Return FILTERED_OUT if filters or exclusions left fewer items than requested."""
    return Fallback.FILTERED_OUT if query.narrows and len(ranked) < query.n else None
