"""Neighbours of several items at once: each item votes for its own."""

from collections.abc import Sequence
from itertools import islice

import numpy as np

from recsvc.domain.slates import ItemSlate, ReasonCode
from recsvc.model.candidates import Candidates, Passing
from recsvc.model.loaded import LoadedModel

MAX_VOTERS = 20


def votes(
    model: LoadedModel,
    slate: ItemSlate,
    voters: Sequence[int],
    *,
    reason: ReasonCode | None = None,
    passing: Passing | None = None,
) -> Candidates:
    """Return the neighbours of the voters by the sum of their scores, best first.

    The reason of each names the voter that speaks loudest for it. Voters beyond the first 20,
    and rows that the model does not have, have no vote. Only what is `passing` is counted.
    """
    size = len(model.items)
    heard = list(islice((row for row in voters if row < size), MAX_VOTERS))
    if len(heard) == 1 and reason is None:
        return model.neighbours(slate, heard[0])
    if not heard:
        return no_candidates()
    found = model.neighbours_of_all(slate, np.array(heard, dtype=np.int64))
    if passing is not None:
        found = found.at(passing(found.items).nonzero()[0])
    return _counted(found, reason) if len(found) else no_candidates()


def _counted(found: Candidates, reason: ReasonCode | None) -> Candidates:
    """Merge the entries of each item into one, with its loudest voter as the reason."""
    speakers = found.reason_items
    loudest = np.lexsort((-found.scores, found.items))
    rows, first = np.unique(found.items[loudest], return_index=True)
    sums = np.add.reduceat(found.scores[loudest].astype(np.float64), first)
    order = np.lexsort((rows, -sums))
    chosen = loudest[first][order]
    codes = found.reasons[chosen]
    if reason is not None:
        codes = np.full(len(chosen), reason, dtype=np.uint8)
    because = None if speakers is None else speakers[chosen]
    return Candidates(rows[order], sums[order].astype(np.float32), codes, because)


def no_candidates() -> Candidates:
    nothing = np.zeros(0, dtype=np.int32)
    return Candidates(nothing, nothing.astype(np.float32), nothing.astype(np.uint8), nothing)
