"""From ranked lists to the items of one answer. Pure, and bounded by the answer's size.

A list as long as the catalogue is read only as far as the answer needs it. Within that, plain
lists beat arrays: the calls of numpy for ten entries cost more than the ten entries.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Protocol

import numpy as np

from recsvc.domain.slates import ReasonCode
from recsvc.model.format import NO_ITEM, Array

Entry = tuple[int, float, int, int]  # item row, score, reason, reason's item row or −1
Passing = Callable[[Array], Array]  # item rows → which of them pass, (rows,) bool

_REASONS = {int(code): code for code in ReasonCode}
_FILTERED_PIECE = 256  # a filter drops many, and judges a few hundred at the price of ten


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

    def entries(self, start: int, stop: int) -> Iterator[Entry]:
        """Yield the entries of one piece."""
        because = self.reason_items
        return zip(
            self.items[start:stop].tolist(),
            self.scores[start:stop].tolist(),
            self.reasons[start:stop].tolist(),
            repeat(NO_ITEM) if because is None else because[start:stop].tolist(),
            strict=False,
        )

    def piece(self, start: int, stop: int, passing: Passing) -> Iterator[Entry]:
        """Yield those entries of one piece that pass."""
        part = slice(start, stop)
        passes = passing(self.items[part])
        if not passes.any():
            return iter(())
        return self.at(passes.nonzero()[0] + start).entries(0, stop - start)


class RankedList(Protocol):
    """What an answer is filled from: entries, best first, read piece by piece."""

    def __len__(self) -> int: ...

    def entries(self, start: int, stop: int, /) -> Iterator[Entry]: ...

    def piece(self, start: int, stop: int, passing: Passing, /) -> Iterator[Entry]: ...


@dataclass(frozen=True, slots=True)
class Picks:
    """The items of an answer, in its order: one entry per item in each list."""

    items: list[int]
    scores: list[float]
    reasons: list[ReasonCode]
    reason_items: list[int | None]

    def __len__(self) -> int:
        return len(self.items)


def assemble(n: int, *lists: Candidates, excluded_rows: Collection[int] = ()) -> Picks:
    """Take from the lists in order, without excluded and repeated items, until there are n."""
    return fill(n, lists, set(excluded_rows))


def fill(
    n: int,
    lists: Iterable[RankedList],
    seen: set[int],
    *,
    withheld: Collection[int] = (),
    passing: Passing | None = None,
) -> Picks:
    """Do so; the lists are asked for one by one, and none once there are n.

    Rows in `seen` are left out, and it grows by those that are taken; those in `withheld` are
    left out as well, and it may be large: it is only looked at.
    """
    picks = Picks([], [], [], [])
    for candidates in lists:
        start, size = 0, n - len(picks) + len(seen)  # enough, unless items repeat or are withheld
        if passing is not None:
            size = max(size, _FILTERED_PIECE)
        while len(picks) < n and start < len(candidates):
            stop = start + size
            entries = (
                candidates.entries(start, stop)
                if passing is None
                else candidates.piece(start, stop, passing)
            )
            _take(picks, entries, n, seen, withheld)
            start, size = stop, 2 * size
        if len(picks) == n:
            break
    return picks


def _take(
    picks: Picks, entries: Iterator[Entry], n: int, seen: set[int], withheld: Collection[int]
) -> None:
    """Append the unseen entries to `picks`, up to n in all."""
    for row, score, reason, because in entries:
        if row in seen or row in withheld:
            continue
        seen.add(row)
        picks.items.append(row)
        picks.scores.append(score)
        picks.reasons.append(_REASONS[reason])
        picks.reason_items.append(None if because == NO_ITEM else because)
        if len(picks) == n:
            return
