"""Anonymous lists, equal for all customers: neighbours of items, popular, trending, by category."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from recsvc.model.artifact.artifact import RankedLists, TopList
from training.dataset.history import Flags, Floats, History, Rows, decay
from training.dataset.interactions import Interactions
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


def popular_by_category(interactions: Interactions, overall: TopList) -> Mapping[str, TopList]:
    """Split the popular list by category; empty without categories."""
    categories = interactions.history.categories
    if categories is None:
        return {}
    return _by_category(overall, categories[overall.items], interactions.category_names)


def _by_category(overall: TopList, rows: Rows, names: Sequence[str]) -> dict[str, TopList]:
    order = np.argsort(rows, kind="stable")
    starts = np.searchsorted(rows[order], np.arange(len(names) + 1))
    parts = [order[start:stop] for start, stop in pairwise(starts)]
    return {
        name: TopList(overall.items[part], overall.scores[part])
        for name, part in zip(names, parts, strict=True)
    }
