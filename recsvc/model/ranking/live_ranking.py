"""What is wanted now, as the counts of one moment say: items and scores, the most wanted first."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class LiveRanking:
    """A snapshot: another moment is another object."""

    items: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
