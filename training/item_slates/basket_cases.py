"""Judging by basket completion: one item of each later order is hidden and found again."""

from dataclasses import dataclass

import numpy as np

from training.dataset.history import Flags, Floats, History, Rows
from training.item_slates.maker import CaseValues
from training.item_slates.order_loops import rank_hidden
from training.item_slates.scored_neighbours import Neighbours

_LEAST_ITEMS = 3  # items of an order, with the hidden one
_MOST_CASES = 2000  # of a window that chooses
_MOST_JUDGED = 4000  # of the window that judges
_LEAST_CASES = 30
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class BasketCases:
    """Baskets, and the item hidden from each. All items were bought before the window."""

    offsets: Rows  # (cases + 1,) of each basket among `items`
    items: Rows
    hidden: Rows  # (cases,)
    customers: Rows  # (cases,)

    def __len__(self) -> int:
        return len(self.hidden)

    @property
    def is_enough(self) -> bool:
        return len(self) >= _LEAST_CASES

    def in_baskets(self, items_total: int) -> Flags:
        flags = np.zeros(items_total, dtype=bool)
        flags[self.items] = True
        return flags

    def measure(self, neighbours: Neighbours, popularity: Floats) -> CaseValues:
        """Rank the whole catalogue for each basket by the sum of its items' scores."""
        ranks = rank_hidden.run(
            self.offsets,
            self.items,
            self.hidden,
            neighbours.offsets.astype(np.int64, copy=False),
            neighbours.items.astype(np.int32, copy=False),
            neighbours.scores.astype(np.float32, copy=False),
            popularity_ranks(popularity),
        )
        return CaseValues(self.customers, 1.0 / ranks, (ranks <= _SHOWN).astype(np.float64))


def popularity_ranks(popularity: Floats) -> Rows:
    """Return each item's place by popularity, from 0."""  # (items,)
    ranks = np.empty(len(popularity), np.int64)
    ranks[np.argsort(-popularity, kind="stable")] = np.arange(len(popularity))
    return ranks


def basket_cases(
    known: History, later: History, seed: int, *, judging: bool = False
) -> BasketCases:
    """Hide one item of each later order of at least three known items."""
    is_known = np.zeros(known.items_total, dtype=bool)
    is_known[known.items] = True
    kept = is_known[later.items]
    orders, items, customers = later.orders[kept], later.items[kept], later.customers[kept]
    _, starts, sizes = np.unique(orders, return_index=True, return_counts=True)
    enough = sizes >= _LEAST_ITEMS
    starts, sizes = starts[enough], sizes[enough]
    rng = np.random.default_rng(seed)
    most = _MOST_JUDGED if judging else _MOST_CASES
    if len(starts) > most:
        some = np.sort(rng.choice(len(starts), most, replace=False))
        starts, sizes = starts[some], sizes[some]
    hidden = starts + (rng.random(len(starts)) * sizes).astype(np.int64)
    ends = np.cumsum(sizes)
    places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + sizes, sizes)
    basket = places[places != np.repeat(hidden, sizes)]
    offsets = np.concatenate([[0], np.cumsum(sizes - 1)]).astype(np.int64)
    return BasketCases(offsets, items[basket], items[hidden], customers[hidden])
