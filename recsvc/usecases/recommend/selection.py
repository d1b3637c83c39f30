"""Fill an answer from candidate lists: filters, repetition, diversity, offset."""

from enum import Enum, auto

from recsvc.domain.catalogue.list_query import ListQuery
from recsvc.model.kernels.kernels import ItemFilter
from recsvc.model.ranking.category_limit import (
    CATEGORY_POOL,
    FIRST,
    LEAST_CATEGORIES,
    first_variants,
    spread_categories,
    starts_spread,
)
from recsvc.model.ranking.diversity import POOL, diversified
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.registry.candidates import RankedItems, fill
from recsvc.usecases.recommend.candidate_sources import Lists, rows_of

_VARIANTS_PER_ITEM = 3  # read for each item of an answer that has one variant of each product


class Repetition(Enum):
    """The repetition that the order of a list avoids."""

    NONE = auto()
    CATEGORIES = auto()  # the first items are of several categories
    VARIANTS = auto()  # one variant of each product


def select_items(
    live_items: LiveItems,
    query: ListQuery,
    lists: Lists,
    seen: set[int],
    avoided: Repetition = Repetition.NONE,
    *,
    without_sensitive: bool = False,
) -> RankedItems:
    """Fill the answer from the lists with available items that pass the filters and are not seen.

    The generators of `lists` may add rows to `seen` while they are read.
    """
    seen.update(rows_of(live_items, query.exclude))
    if query.context_item is not None:
        seen.update(rows_of(live_items, [query.context_item]))
    of = live_items.filter_without_sensitive if without_sensitive else live_items.item_filter
    item_filter = of(query.filters)
    if query.diversity:  # never with an offset
        ranked = fill(query.n * POOL, lists, seen, item_filter)
        return diversified(ranked, query.n, query.diversity, live_items)
    end = query.offset + query.n
    match avoided:
        case Repetition.CATEGORIES if query.diversity is None and query.context_item is None:
            pool = fill(max(end, CATEGORY_POOL), lists, seen, item_filter)
            ranked = _spread(live_items, query, pool)
        case Repetition.VARIANTS if live_items.columns.has_groups:
            ranked = _one_of_each_product(live_items, end, lists, seen, item_filter)
        case _:
            ranked = fill(end, lists, seen, item_filter)
    return ranked.between(query.offset, end)


def _spread(live_items: LiveItems, query: ListQuery, ranked: RankedItems) -> RankedItems:
    """Spread the categories of the first items, which are the same for every page of a list."""
    if starts_spread(live_items.categories(ranked.items[:FIRST]).tolist()):
        return ranked
    categories = live_items.categories(ranked.items[:CATEGORY_POOL]).tolist()
    if query.filters.categories and len({*categories}) < LEAST_CATEGORIES:
        return ranked
    behind = range(len(categories), len(ranked.items))
    return ranked.at([*spread_categories(categories), *behind])


def _one_of_each_product(
    live_items: LiveItems, total: int, lists: Lists, seen: set[int], item_filter: ItemFilter
) -> RankedItems:
    """Return the best item of each product, at least `total` of them if the lists have so many."""
    size, again = _VARIANTS_PER_ITEM * total, list(lists)
    while True:
        pool = fill(size, again, set(seen), item_filter)
        places = first_variants(live_items.groups(pool.items).tolist())
        if len(places) >= total or len(pool.items) < size:
            return pool.at(places)
        size *= _VARIANTS_PER_ITEM
