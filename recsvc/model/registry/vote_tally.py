"""Sums of the votes of recent items for their neighbours. The trainer evaluates the same rule.

A vote is the weight of the voter's last event, times the neighbour's score, times the neighbour's
appeal (popularity factor).
"""

from dataclasses import dataclass

import numpy as np

from recsvc.model.artifact.format import Array
from recsvc.model.kernels import kernels
from recsvc.model.kernels.kernels import MAX_SHARE


def appeal_of(popularity: Array) -> Array:
    """Return the factor by which popularity scales a vote: 1 for the most popular item.

    Without it, votes for rarely bought items displace likely ones: on Complete Journey the votes
    then lose to popularity, with it they win (NDCG@10 of `discover`).
    """  # (items,)
    most = popularity.max(initial=0.0)
    if most <= 0:
        return np.ones(len(popularity), dtype=np.float32)
    raised: Array = np.sqrt(np.maximum(popularity, 0) / most).astype(np.float32)
    return raised


@dataclass(frozen=True, slots=True)
class VoteTally:
    """The items with the largest sums of votes, in descending order, with their top voters."""

    items: Array  # (voted,) item rows
    sums: Array  # (voted,)
    top_voters: Array  # (voted,) the voter with the largest vote


def tally(items: Array, votes: Array, voters: Array) -> VoteTally:
    """Sum the votes above zero by item. One entry per vote: its item, value and voter."""
    columns = (items.astype(np.int64), votes.astype(np.float64), voters.astype(np.int64))
    return VoteTally(*kernels.tally.run(*columns))


def top_share(weights: Array) -> float:
    """Return the share of the largest sum, on the scale of places in a list: 1, 0.63, 0.5, …"""
    return min(float(weights.sum()), MAX_SHARE)
