"""The neighbours of several items: each item votes for its neighbours with their scores."""

from collections.abc import Iterable

import numpy as np

from recsvc.domain.catalogue.slates import ItemSlate, ReasonCode, reason_of
from recsvc.model.kernels.kernels import ItemFilter, sum_votes
from recsvc.model.registry.candidates import UNFILTERED, Candidates
from recsvc.model.registry.loaded import LoadedModel

MAX_VOTERS = 20


def votes(
    model: LoadedModel,
    slate: ItemSlate,
    voters: Iterable[int],
    *,
    reason: ReasonCode | None = None,
    item_filter: ItemFilter | None = None,
    most_voters: int = MAX_VOTERS,
) -> Candidates:
    """Return the neighbours of the voters by the sum of their scores, best first.

    The reason of an item names the voter with the highest score for it. A voter counts once; rows
    outside the model and voters beyond the first `most_voters` are ignored. A slate that the model
    lacks has no neighbours. `item_filter`: count only items that pass.
    """
    neighbours = model.neighbour_arrays(slate)
    known = _known_voters(voters, len(neighbours[0]) - 1, most_voters)
    if len(known) == 1 and reason is None:
        return model.neighbours(slate, known[0])
    if not known:
        return no_candidates()
    rows, sums, top_voters = sum_votes.run(
        np.array(known, dtype=np.int64),
        neighbours,
        item_filter or UNFILTERED,
        item_filter is not None,
    )
    codes = np.full(len(rows), int(reason_of(slate) if reason is None else reason), "u1")
    return Candidates(rows, sums.astype(np.float32), codes, top_voters.astype(np.int32))


def _known_voters(voters: Iterable[int], size: int, most: int) -> list[int]:
    """Return the first voters that the model knows. Stops reading after `most`."""
    known: dict[int, None] = {}
    for row in voters:
        if row < size:
            known[row] = None
            if len(known) == most:
                break
    return list(known)


def no_candidates() -> Candidates:
    nothing = np.zeros(0, dtype=np.int32)
    return Candidates(nothing, nothing.astype(np.float32), nothing.astype(np.uint8), nothing)
