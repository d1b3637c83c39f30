"""From ranked lists to the items of one answer. Pure; the cost is bounded by the answer's size.

A list as long as the catalogue is read only as far as the answer needs it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from recsvc.model.artifact.artifact import RankedLists
from recsvc.model.artifact.format import NO_ITEM, Array
from recsvc.model.kernels.kernels import ItemFilter, take


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """One ranked list, best first. `reason_items` is None if no reason names an item."""

    items: Array  # (k,) int32, item rows
    scores: Array  # (k,) float32
    reasons: Array  # (k,) uint8, ReasonCode
    reason_items: Array | None = None  # (k,) int32, item rows, or −1 for none

    def __len__(self) -> int:
        return len(self.items)

    def at(self, places: Sequence[int] | Array) -> "Candidates":
        """Return the entries at the given places, in that order."""
        places = np.asarray(places, dtype=np.int64)
        return Candidates(
            self.items[places],
            self.scores[places],
            self.reasons[places],
            None if self.reason_items is None else self.reason_items[places],
        )


def candidates_of(lists: RankedLists, row: int) -> Candidates:
    """Return the list of one row, without a copy. The lists must have reasons."""
    if row < 0:
        raise IndexError(f"there is no row {row}")
    reasons, reason_items = lists.reasons, lists.reason_items
    if reasons is None:
        raise TypeError("these lists have no reasons")
    part = slice(lists.offsets.item(row), lists.offsets.item(row + 1))
    return Candidates(
        lists.items[part],
        lists.scores[part],
        reasons[part],
        None if reason_items is None else reason_items[part],
    )


@dataclass(frozen=True, slots=True)
class RankedItems:
    """The items of an answer, in its order; each list has one entry per item."""

    items: list[int]
    reasons: list[int]  # ReasonCode
    reason_items: list[int | None]

    def __len__(self) -> int:
        return len(self.items)

    def between(self, start: int, end: int) -> "RankedItems":
        """Return the items from place `start` to before place `end`."""
        if not start and len(self) <= end:
            return self
        return self.at(range(start, min(end, len(self))))

    def at(self, places: Iterable[int]) -> "RankedItems":
        """Return the entries at the given places, in that order."""
        chosen = list(places)
        return RankedItems(
            [self.items[place] for place in chosen],
            [self.reasons[place] for place in chosen],
            [self.reason_items[place] for place in chosen],
        )


def assemble(n: int, *lists: Candidates, excluded_rows: Collection[int] = ()) -> RankedItems:
    """Return the first n items of the lists, without excluded and repeated items."""
    return fill(n, lists, set(excluded_rows), accept_all(max(map(_size, lists), default=0)))


def fill(
    n: int, lists: Iterable[Candidates], seen: set[int], item_filter: ItemFilter
) -> RankedItems:
    """Return the first n items of the lists that pass the filter and are not in `seen`.

    Lists are read one by one, none once there are n items. The returned rows are added to `seen`.
    """
    picked, filled = np.empty((3, n), np.int64), 0
    for candidates in lists:
        reason_items = candidates.reason_items
        filled = take.run(
            picked,
            filled,
            candidates.items,
            candidates.reasons,
            _NONE if reason_items is None else reason_items,
            np.fromiter(seen, np.int64, len(seen)),
            item_filter,
        )
        if filled == n:
            break
    rows, reasons, reason_rows = picked[:, :filled].tolist()
    seen.update(rows)
    named = [None if row == NO_ITEM else row for row in reason_rows]
    return RankedItems(rows, reasons, named)


def accept_all(size: int) -> ItemFilter:
    """Return a filter that every row below `size` passes."""
    available = np.zeros(size, np.bool_)
    by_row = (available, _NONE, _NONE, _NONE, _NO_PRICES, _NONE)
    return (*by_row, _NO_SETS, _NONE, 0.0, 0.0, 0, 0)


def _size(candidates: Candidates) -> int:
    return int(candidates.items.max(initial=-1)) + 1


_NONE = np.zeros(0, np.int32)
_NO_SETS = np.zeros(0, np.bool_)
_NO_PRICES = np.zeros(0, np.float64)
UNFILTERED = accept_all(0)  # for kernels that are told not to filter
