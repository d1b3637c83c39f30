"""Anonymous lists, equal for all customers: neighbours of items, popular, trending, by category."""

from collections.abc import Mapping, Sequence

import numpy as np

from recsvc.domain.catalogue.category_paths import lineage
from recsvc.model.artifact.artifact import RankedLists, TopList
from training.dataset.history import Flags, Floats, History, decay
from training.recommenders.neighbour_lists import NeighbourLists

_TRENDING = 1000
_POPULAR_HALF_LIFE_DAYS = 60.0


def neighbour_list(lists: NeighbourLists) -> RankedLists:
    listed = lists.listed
    return RankedLists(lists.offsets, lists.columns[listed], lists.scores[listed])


def recent_orders(history: History) -> Floats:
    """Count orders with a weight that halves every POPULAR_HALF_LIFE_DAYS."""  # (items,)
    weights = decay(history.ages(), _POPULAR_HALF_LIFE_DAYS)
    return np.bincount(history.items, weights, history.items_total).astype(np.float32)


def popular(scores: Floats, shown: Flags) -> TopList:
    """Rank the items that may be shown."""
    order = np.argsort(-scores, kind="stable")
    order = order[shown[order]]
    return TopList(order, scores[order])


def trending(scores: Floats, shown: Flags) -> TopList:
    """Rank the items that may be shown and sell above expectation; the list may be empty."""
    order = np.argsort(-scores, kind="stable")
    rising = order[(scores[order] > 0) & shown[order]][:_TRENDING]
    return TopList(rising, scores[rising])


def popular_by_category(
    item_ids: Sequence[str], overall: TopList, memberships: Mapping[str, Sequence[str]]
) -> dict[str, TopList]:
    """Split the popular list by category; a parent's list has the items of its children, once.

    `memberships` are the category paths of each item. Every category of an item in `item_ids` has a
    list, which may be empty.
    """
    of_item = [_with_parents(memberships.get(item, ())) for item in item_ids]
    places: dict[str, list[int]] = {name: [] for names in of_item for name in names}
    for place, item in enumerate(overall.items.tolist()):
        for name in of_item[item]:
            places[name].append(place)
    found = {name: np.array(part, dtype=np.int64) for name, part in places.items()}
    return {
        name: TopList(overall.items[part], overall.scores[part]) for name, part in found.items()
    }


def _with_parents(paths: Sequence[str]) -> dict[str, None]:
    return dict.fromkeys(name for path in paths for name in lineage(path))
