"""Ranked items: the best items of each of some customers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.dataset.history import Flags, Floats, Rows
from training.dataset.segments import NOTHING, run_lengths, run_starts


@dataclass(frozen=True, slots=True)
class RankedItems:
    """One row per customer, best item first; a short row ends in NOTHING and −inf."""

    customers: Rows  # (customers,)
    items: Rows  # (customers, k)
    scores: Floats  # (customers, k)

    @property
    def listed(self) -> Flags:
        """Mark the places that hold an item."""  # (customers, k)
        return np.asarray(self.items != NOTHING)

    def for_customers(self, customers: Rows) -> "RankedItems":
        """Return one row per customer in `customers` (ascending), empty where there was none."""
        shape = (len(customers), self.items.shape[1])
        items, scores = np.full(shape, NOTHING), np.full(shape, -np.inf)
        at = np.searchsorted(customers, self.customers)
        items[at], scores[at] = self.items, self.scores
        return RankedItems(customers, items, scores)

    def padded(self, k: int) -> "RankedItems":
        """Extend rows to k places."""
        missing = k - self.items.shape[1]
        if missing <= 0:
            return self
        return RankedItems(
            self.customers,
            np.pad(self.items, ((0, 0), (0, missing)), constant_values=NOTHING),
            np.pad(self.scores, ((0, 0), (0, missing)), constant_values=-np.inf),
        )


def best_items(customers: Rows, items: Rows, scores: NDArray[np.floating], k: int) -> RankedItems:
    """Return the k best items of each customer; equal scores are ordered by item row.

    The arguments are one row per candidate, sorted by customer, then item.
    """
    kept = _may_be_best(customers, scores, k)
    customers, items, scores = customers[kept], items[kept], scores[kept]
    order = np.lexsort((-scores, customers))  # stable
    lengths = run_lengths(customers)
    starts = run_starts(customers)
    place = np.arange(len(customers)) - np.repeat(starts, lengths)
    kept = place < k
    row = np.repeat(np.arange(len(starts)), lengths)[kept]
    ranked = np.full((len(starts), k), NOTHING, np.int64)
    values = np.full((len(starts), k), -np.inf, np.float32)
    ranked[row, place[kept]] = items[order][kept]
    values[row, place[kept]] = scores[order][kept]
    return RankedItems(customers[starts], ranked, values)


def _may_be_best(customers: Rows, scores: NDArray[np.floating], k: int) -> Flags:
    """Mark the k best scores of each customer and those equal to the last of them."""
    lengths, starts = run_lengths(customers), run_starts(customers)
    width = int(lengths.max(initial=0))
    if width <= k:
        return np.ones(len(customers), dtype=bool)
    row = np.repeat(np.arange(len(starts)), lengths)
    table = np.full((len(starts), width), -np.inf, scores.dtype)
    table[row, np.arange(len(customers)) - starts[row]] = scores
    least = np.partition(table, width - k, axis=1)[:, width - k]
    return np.asarray(scores >= least[row])
