"""Votes of recent items for their neighbours, counted. The trainer measures with the same rule.

A vote is worth what the voter's last event says, times how near the neighbour is, times the appeal
of the neighbour.
"""

from dataclasses import dataclass

import numpy as np

from recsvc.model.artifact.format import Array
from recsvc.model.kernels import kernels
from recsvc.model.kernels.kernels import MAX_SHARE


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
class VoteTally:
    """The items with the greatest sums of votes, the greatest first, and who was loudest."""

    items: Array  # (voted,) item rows
    sums: Array  # (voted,)
    top_voters: Array  # (voted,) places of voters


def tally(items: Array, votes: Array, voters: Array) -> VoteTally:
    """Count votes above zero: for which item each is, and whose."""
    words = (items.astype(np.int64), votes.astype(np.float64), voters.astype(np.int64))
    return VoteTally(*kernels.tally.run(*words))


def top_share(said: Array) -> float:
    """Return what the greatest sum of votes is worth, as places in a list are: 1, 0.63, 0.5, …"""
    return min(float(said.sum()), MAX_SHARE)
