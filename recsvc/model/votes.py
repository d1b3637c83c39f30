"""Neighbours of several items at once: each item votes for its own."""

from collections.abc import Iterable

import numpy as np

from recsvc.domain.slates import ItemSlate, ReasonCode
from recsvc.model.candidates import Candidates, Passing
from recsvc.model.loaded import LoadedModel

MAX_VOTERS = 20


def votes(
    model: LoadedModel,
    slate: ItemSlate,
    voters: Iterable[int],
    *,
    reason: ReasonCode | None = None,
    passing: Passing | None = None,
) -> Candidates:
    """Return the neighbours of the voters by the sum of their scores, best first.

    The reason of each names the voter that speaks loudest for it. Each has one vote; voters
    beyond the first 20, and rows that the model does not have, have none. Only what is `passing`
    is counted.
    """
    heard = _heard(voters, len(model.items))
    if len(heard) == 1 and reason is None:
        return model.neighbours(slate, heard[0])
    if not heard:
        return no_candidates()
    found = model.neighbours_of_all(slate, np.array(heard, dtype=np.int64), passing)
    if not len(found):
        return no_candidates()
    return _counted(found, reason, is_passed=passing is not None)


def _heard(voters: Iterable[int], size: int) -> list[int]:
    """Return the first voters that the model knows, and ask for no more of them."""
    heard: dict[int, None] = {}
    for row in voters:
        if row < size:
            heard[row] = None
            if len(heard) == MAX_VOTERS:
                break
    return list(heard)


def _counted(found: Candidates, reason: ReasonCode | None, *, is_passed: bool) -> Candidates:
    """Merge the entries of each item into one, with its loudest voter as the reason."""
    speakers = found.reason_items
    loudest = np.lexsort((-found.scores, found.items))
    items = found.items[loudest]
    first = np.flatnonzero(np.concatenate(([True], items[1:] != items[:-1])))
    sums = np.add.reduceat(found.scores[loudest].astype(np.float64), first)
    order = np.argsort(-sums, kind="stable")  # among equals the lower row
    chosen = loudest[first[order]]
    codes = found.reasons[chosen]
    if reason is not None:
        codes = np.full(len(chosen), int(reason), dtype=np.uint8)
    because = None if speakers is None else speakers[chosen]
    scores = sums[order].astype(np.float32)
    return Candidates(found.items[chosen], scores, codes, because, is_passed)


def no_candidates() -> Candidates:
    nothing = np.zeros(0, dtype=np.int32)
    return Candidates(nothing, nothing.astype(np.float32), nothing.astype(np.uint8), nothing)
