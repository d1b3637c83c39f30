"""Scored neighbours of items as one run of entries for each item, best first."""

from dataclasses import dataclass

import numpy as np

from training.dataset.history import Floats, Rows
from training.dataset.segments import NOTHING
from training.item_slates.order_loops import Entries
from training.recommenders.neighbour_lists import NeighbourLists


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Entries offsets[i] to offsets[i + 1] are the neighbours of item i."""

    offsets: Rows  # (items + 1,)
    items: Rows | Entries  # (entries,)
    scores: Floats  # (entries,)

    def best(self, k: int) -> "Neighbours":
        """Return the k best neighbours with scores above 0, best first; ties by the lower row."""
        rows = np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))
        order = np.lexsort((self.items, -self.scores, rows))
        order = order[self.scores[order] > 0]
        rows = rows[order]
        best = np.arange(len(order)) - np.searchsorted(rows, rows) < k
        counts = np.bincount(rows[best], minlength=len(self.offsets) - 1)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return Neighbours(offsets, self.items[order[best]], self.scores[order[best]])

    def padded(self, k: int) -> NeighbourLists:
        """Return the first k neighbours of each item as rows of one length."""
        lengths = np.diff(self.offsets)
        rows = np.repeat(np.arange(len(lengths)), lengths)
        place = np.arange(len(self.items)) - self.offsets[rows]
        kept = place < k
        columns = np.full((len(lengths), k), NOTHING, np.int64)
        scores = np.zeros((len(lengths), k), np.float32)
        columns[rows[kept], place[kept]] = self.items[kept]
        scores[rows[kept], place[kept]] = self.scores[kept]
        return NeighbourLists(columns, scores)


def no_neighbours(items_total: int) -> Neighbours:
    """Return empty lists, with which best sellers complete every basket."""
    nothing = np.zeros(0, np.int64)
    return Neighbours(np.zeros(items_total + 1, np.int64), nothing, np.zeros(0, np.float32))
