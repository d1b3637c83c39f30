"""Neighbours of several items at once: each item votes for its own."""

from collections.abc import Iterable

import numpy as np

from recsvc.domain.catalogue.slates import ItemSlate, ReasonCode
from recsvc.model.kernels.kernels import ItemFilter, sum_votes
from recsvc.model.registry.candidates import UNFILTERED, Candidates
from recsvc.model.registry.loaded import NEIGHBOUR_REASONS, LoadedModel

MAX_VOTERS = 20


def votes(
    model: LoadedModel,
    slate: ItemSlate,
    voters: Iterable[int],
    *,
    reason: ReasonCode | None = None,
    item_filter: ItemFilter | None = None,
) -> Candidates:
    """Return the neighbours of the voters by the sum of their scores, best first.

    The reason of each names the voter that speaks loudest for it. Each has one vote; voters
    beyond the first 20, and rows that the model does not have, have none. Only what passes the
    item_filter is counted.
    """
    heard = _known_voters(voters, len(model.items))
    if len(heard) == 1 and reason is None:
        return model.neighbours(slate, heard[0])
    if not heard:
        return no_candidates()
    rows, sums, speakers = sum_votes.run(
        np.array(heard, dtype=np.int64),
        model.neighbour_arrays(slate),
        item_filter or UNFILTERED,
        item_filter is not None,
    )
    codes = np.full(len(rows), int(NEIGHBOUR_REASONS[slate] if reason is None else reason), "u1")
    return Candidates(rows, sums.astype(np.float32), codes, speakers.astype(np.int32))


def _known_voters(voters: Iterable[int], size: int) -> list[int]:
    """Return the first voters that the model knows, and ask for no more of them."""
    heard: dict[int, None] = {}
    for row in voters:
        if row < size:
            heard[row] = None
            if len(heard) == MAX_VOTERS:
                break
    return list(heard)


def no_candidates() -> Candidates:
    nothing = np.zeros(0, dtype=np.int32)
    return Candidates(nothing, nothing.astype(np.float32), nothing.astype(np.uint8), nothing)
