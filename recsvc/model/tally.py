"""Votes of recent items for their neighbours, counted. The trainer measures with the same rule.

A vote is worth what the voter's last event says, times how near the neighbour is, times the appeal
of the neighbour.
"""

from dataclasses import dataclass

import numpy as np

from recsvc.model.format import Array

MOST_VOTERS = 8  # the latest items that are not taken back
NEAREST = 16  # neighbours that an item votes for
MOST_HEARD = 40  # items with the greatest sums; the others have no share
STRONGEST = 0.55  # share of the loudest: below the second place of the customer's own list


def appeal_of(popularity: Array) -> Array:
    """Return the factor by which popularity raises a vote, 1 for the most popular item.

    Without it votes for what hardly anybody buys crowd out what is likely: on Complete Journey
    they lose to popularity, with it they win (NDCG@10 of `discover`).
    """  # (items,)
    most = popularity.max(initial=0.0)
    if most <= 0:
        return np.ones(len(popularity), dtype=np.float32)
    raised: Array = np.sqrt(np.maximum(popularity, 0) / most).astype(np.float32)
    return raised


@dataclass(frozen=True, slots=True)
class Tally:
    """The items with the greatest sums of votes, the greatest first, and who was loudest."""

    items: Array  # (voted,) item rows
    sums: Array  # (voted,)
    loudest: Array  # (voted,) places of voters


def tally(items: Array, votes: Array, voters: Array) -> Tally:
    """Count votes above zero: for which item each is, and whose."""
    heard = votes > 0
    if not heard.all():
        items, votes, voters = items[heard], votes[heard], voters[heard]
    if not len(items):
        return Tally(items, votes, voters)
    order = np.lexsort((-votes, items))
    items, votes = items[order], votes[order]
    begins = np.ones(len(items), dtype=bool)
    np.not_equal(items[1:], items[:-1], out=begins[1:])
    first = begins.nonzero()[0]
    sums = np.add.reduceat(votes, first)
    best = (-sums).argsort(kind="stable")[:MOST_HEARD]
    chosen = first[best]
    return Tally(items[chosen], sums[best], voters[order[chosen]])


def share_of_loudest(said: Array) -> float:
    """Return what the greatest sum of votes is worth, as places in a list are: 1, 0.63, 0.5, …"""
    return min(float(said.sum()), STRONGEST)
