"""From ranked lists to the items of one answer. Pure, and bounded by the answer's size.

A list as long as the catalogue is read only as far as the answer needs it. Within that, plain
lists beat arrays: the calls of numpy for ten entries cost more than the ten entries.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import repeat

from recsvc.domain.slates import ReasonCode
from recsvc.model.format import NO_ITEM, Array

Entry = tuple[int, float, int, int]  # item row, score, reason, reason's item row or −1

_REASONS = {int(code): code for code in ReasonCode}


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """One ranked list, best first. `reason_items` is None where no reason names an item."""

    items: Array  # (k,) int32, item rows
    scores: Array  # (k,) float32
    reasons: Array  # (k,) uint8, ReasonCode
    reason_items: Array | None = None  # (k,) int32, item rows, or −1 for none

    def __len__(self) -> int:
        return len(self.items)

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
    picks = Picks([], [], [], [])
    seen = set(excluded_rows)
    for candidates in lists:
        start, size = 0, n - len(picks) + len(seen)  # enough, unless the list repeats itself
        while len(picks) < n and start < len(candidates):
            _take(picks, candidates.entries(start, start + size), n, seen)
            start, size = start + size, 2 * size
    return picks


def _take(picks: Picks, entries: Iterator[Entry], n: int, seen: set[int]) -> None:
    """Append the unseen entries to `picks`, up to n in all."""
    for row, score, reason, because in entries:
        if row in seen:
            continue
        seen.add(row)
        picks.items.append(row)
        picks.scores.append(score)
        picks.reasons.append(_REASONS[reason])
        picks.reason_items.append(None if because == NO_ITEM else because)
        if len(picks) == n:
            return
