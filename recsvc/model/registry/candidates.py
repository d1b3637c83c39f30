"""From ranked lists to the items of one answer. Pure, and bounded by the answer's size.

A list as long as the catalogue is read only as far as the answer needs it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from recsvc.model.artifact.format import NO_ITEM, Array
from recsvc.model.kernels.kernels import Sieve, take


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """One ranked list, best first. `reason_items` is None where no reason names an item."""

    items: Array  # (k,) int32, item rows
    scores: Array  # (k,) float32
    reasons: Array  # (k,) uint8, ReasonCode
    reason_items: Array | None = None  # (k,) int32, item rows, or −1 for none

    def __len__(self) -> int:
        return len(self.items)

    def at(self, places: Sequence[int] | Array) -> "Candidates":
        """Return the entries at some places, in the order of the places."""
        because = self.reason_items
        places = np.asarray(places, dtype=np.int64)
        return Candidates(
            self.items[places],
            self.scores[places],
            self.reasons[places],
            None if because is None else because[places],
        )


@dataclass(frozen=True, slots=True)
class RankedItems:
    """The items of an answer, in its order: one entry per item in each list."""

    items: list[int]
    scores: list[float]
    reasons: list[int]  # ReasonCode
    reason_items: list[int | None]

    def __len__(self) -> int:
        return len(self.items)


def assemble(n: int, *lists: Candidates, excluded_rows: Collection[int] = ()) -> RankedItems:
    """Take from the lists in order, without excluded and repeated items, until there are n."""
    return fill(n, lists, set(excluded_rows), open_sieve(max(map(_size, lists), default=0)))


def fill(n: int, lists: Iterable[Candidates], seen: set[int], sieve: Sieve) -> RankedItems:
    """Do so with what passes; the lists are asked for one by one, and none once there are n.

    Rows in `seen` are left out, and it grows by those that are taken.
    """
    picked, scores, filled = np.empty((3, n), np.int64), np.empty(n), 0
    for candidates in lists:
        because = candidates.reason_items
        filled = take.run(
            picked,
            scores,
            filled,
            candidates.items,
            candidates.scores,
            candidates.reasons,
            _NONE if because is None else because,
            np.fromiter(seen, np.int64, len(seen)),
            sieve,
        )
        if filled == n:
            break
    rows, reasons, reason_items = picked[:, :filled].tolist()
    seen.update(rows)
    named = [None if row == NO_ITEM else row for row in reason_items]
    return RankedItems(rows, scores[:filled].tolist(), reasons, named)


def open_sieve(size: int) -> Sieve:
    """Return what lets every row below `size` pass."""
    return (np.zeros(size, np.bool_), _NONE, _NONE, _NONE, _NO_PRICES, _NONE, _NONE, 0.0, 0.0, 0)


def _size(candidates: Candidates) -> int:
    return int(candidates.items.max(initial=-1)) + 1


_NONE = np.zeros(0, np.int32)
_NO_PRICES = np.zeros(0, np.float64)
OPEN = open_sieve(0)
