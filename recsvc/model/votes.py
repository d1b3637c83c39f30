"""Neighbours of several items at once: each item votes for its own."""

from collections.abc import Sequence

import numpy as np

from recsvc.domain.slates import ItemSlate, ReasonCode
from recsvc.model.candidates import Candidates
from recsvc.model.loaded import LoadedModel

MAX_VOTERS = 50


def votes(
    model: LoadedModel, slate: ItemSlate, voters: Sequence[int], reason: ReasonCode | None = None
) -> Candidates:
    """Return the neighbours of the voters by the sum of their scores, best first.

    The reason of each names the voter that speaks loudest for it. Voters beyond the first 50,
    and rows that the model does not have, have no vote.
    """
    heard = [row for row in voters if row < len(model.items)][:MAX_VOTERS]
    lists = [model.neighbours(slate, row) for row in heard]
    if len(lists) == 1 and reason is None:
        return lists[0]
    if not any(map(len, lists)):
        return _none()
    items = np.concatenate([each.items for each in lists])
    scores = np.concatenate([each.scores for each in lists])
    reasons = np.concatenate([each.reasons for each in lists])
    speakers = np.repeat(np.array(heard, dtype=np.int32), [len(each) for each in lists])
    loudest = np.lexsort((speakers, -scores, items))
    rows, first = np.unique(items[loudest], return_index=True)
    sums = np.add.reduceat(scores[loudest].astype(np.float64), first)
    order = np.lexsort((rows, -sums))
    chosen = loudest[first][order]
    codes = reasons[chosen] if reason is None else np.full(len(chosen), reason, dtype=np.uint8)
    return Candidates(rows[order], sums[order].astype(np.float32), codes, speakers[chosen])


def _none() -> Candidates:
    nothing = np.zeros(0, dtype=np.int32)
    return Candidates(nothing, nothing.astype(np.float32), nothing.astype(np.uint8), nothing)
