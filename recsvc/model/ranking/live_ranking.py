"""The trending items of a shop by recent events: ids and scores, best first."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class LiveRanking:
    """A snapshot of the counts; a new snapshot is a new object."""

    items: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
