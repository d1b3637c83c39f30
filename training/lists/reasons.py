"""Reasons of listed items. An item named by a reason was bought by the customer."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsvc.domain.catalogue.slates import ReasonCode
from training.dataset.customer_items import CustomerItems
from training.dataset.history import Flags, Rows
from training.dataset.segments import NOTHING
from training.metrics.results import ReasonCounts
from training.ranking.ranked_items import RankedItems
from training.recommenders.neighbour_lists import NeighbourLists

_POPULAR_PLACES = 20  # per category: these items get POPULAR_IN_CATEGORY


@dataclass(frozen=True, slots=True)
class Reasons:
    codes: NDArray[np.uint8]  # (customers, k) ReasonCode
    items: Rows  # (customers, k) the row of the item that the reason names, or NOTHING


@dataclass(frozen=True, slots=True)
class ReasonContext:
    """The inputs of reasons. `neighbours` are neighbour lists, the most specific first."""

    neighbours: tuple[NeighbourLists, ...]
    trending: Flags  # (items,)
    category_tops: Flags  # (items,) among the most popular of its category
    categories: Rows | None  # (items,)

    def explain(self, lists: RankedItems, own: Flags) -> Reasons:
        """Return the reason of each listed item; `own` (customers, items) marks bought items.

        The order: an own item is due again; an own item is a neighbour; trending; popular in a
        category of an own item; popular.
        """
        rows = np.arange(len(lists.items))[:, None]
        listed = np.maximum(lists.items, 0)
        again = own[rows, listed]
        nearest = np.full(listed.shape, NOTHING)
        for neighbours in self.neighbours:
            nearest = np.where(nearest == NOTHING, _nearest_own(listed, own, neighbours), nearest)
        because = (nearest != NOTHING) & ~again
        codes = np.select(
            [again, because, self.trending[listed], self.in_own_category(listed, own)],
            [
                ReasonCode.BUY_AGAIN_DUE,
                ReasonCode.BECAUSE_YOU_BOUGHT,
                ReasonCode.TRENDING,
                ReasonCode.POPULAR_IN_CATEGORY,
            ],
            ReasonCode.POPULAR,
        )
        return Reasons(codes.astype(np.uint8), np.where(because, nearest, NOTHING))

    def in_own_category(self, listed: Rows, own: Flags) -> Flags:
        if self.categories is None:
            return np.zeros(listed.shape, dtype=bool)
        customers, items = np.divmod(np.flatnonzero(own), own.shape[1])
        known = self.categories[items] >= 0
        bought = np.zeros((len(own), int(self.categories.max(initial=0)) + 1), dtype=bool)
        bought[customers[known], self.categories[items[known]]] = True
        category = self.categories[listed]
        rows = np.arange(len(listed))[:, None]
        theirs = bought[rows, np.maximum(category, 0)] & (category >= 0)
        return np.asarray(theirs & self.category_tops[listed])


def _nearest_own(listed: Rows, own: Flags, neighbours: NeighbourLists) -> Rows:
    """Return the closest neighbour of each listed item that the customer bought."""
    near = neighbours.columns[listed]  # (customers, k, neighbours)
    if not near.size:
        return np.full(listed.shape, NOTHING)
    rows = np.arange(len(listed))[:, None, None]
    bought = (near != NOTHING) & own[rows, np.maximum(near, 0)]
    first = np.take_along_axis(near, bought.argmax(axis=2)[:, :, None], axis=2)[:, :, 0]
    return np.where(bought.any(axis=2), first, NOTHING)


def category_tops(popular: Rows, categories: Rows | None, items_total: int) -> Flags:
    """Mark the most popular items of each category; `popular` lists all items, best first."""
    tops = np.zeros(items_total, dtype=bool)
    if categories is None:
        return tops
    order = np.argsort(categories[popular], kind="stable")
    ranked = categories[popular][order]
    place = np.arange(len(order)) - np.searchsorted(ranked, ranked)
    tops[popular[order[(place < _POPULAR_PLACES) & (ranked >= 0)]]] = True
    return tops


def count_reasons(
    lists: RankedItems, reasons: Reasons, customer_items: CustomerItems
) -> ReasonCounts:
    """Count the reasons, and verify in the history that each named item was bought."""
    codes = np.bincount(reasons.codes[lists.listed], minlength=max(ReasonCode) + 1)
    named = lists.listed & (reasons.items != NOTHING)
    owners = np.broadcast_to(lists.customers[:, None], named.shape)[named]
    return ReasonCounts(
        by_code={code.label: int(codes[code]) for code in ReasonCode if codes[code]},
        named=int(named.sum()),
        named_in_history=int((customer_items.find(owners, reasons.items[named]) >= 0).sum()),
    )


def added(parts: list[ReasonCounts]) -> ReasonCounts:
    codes: dict[str, int] = {}
    for part in parts:
        for code, count in part.by_code.items():
            codes[code] = codes.get(code, 0) + count
    return ReasonCounts(
        by_code=dict(sorted(codes.items())),
        named=sum(part.named for part in parts),
        named_in_history=sum(part.named_in_history for part in parts),
    )
