"""The greatest values of each row of a dense score matrix."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.dataset.history import Flags, Floats, Rows
from training.dataset.segments import NOTHING

_GROUPS = 64  # columns per group: only groups of a great maximum can hold the best


@dataclass(frozen=True, slots=True)
class TopColumns:
    """The k best columns of each row, best first; a short row ends in NOTHING and −inf."""

    columns: Rows  # (rows, k)
    scores: Floats  # (rows, k)


def best_columns(scores: Floats, shown: Flags | None, k: int) -> TopColumns:
    """Rank the columns that `shown` marks (None: all); equal scores are ordered by column."""
    masked = scores if shown is None else np.where(shown, scores, np.float32(-np.inf))
    k = min(k, masked.shape[1])
    if not k or not len(masked):
        return TopColumns(
            np.zeros((len(masked), k), np.int64), np.zeros((len(masked), k), np.float32)
        )
    chosen = _hopeful(masked, k)
    values = np.take_along_axis(masked, chosen, axis=1)
    order = np.lexsort((chosen, -values), axis=1)[:, :k]
    items = np.take_along_axis(chosen, order, axis=1)
    values = np.take_along_axis(values, order, axis=1)
    return TopColumns(np.where(np.isfinite(values), items, NOTHING), values)


def _hopeful(scores: Floats, k: int) -> NDArray[np.int64]:
    """Return k columns per row that hold its k greatest scores, in any order.

    The k greatest lie in the k groups of greatest maximum. Finding those is faster than to
    partition whole rows, especially rows of mostly zeros.
    """
    rows, columns = scores.shape
    width = columns // _GROUPS
    if width <= k:
        return np.argpartition(scores, columns - k, axis=1)[:, columns - k :]
    grouped = scores[:, : _GROUPS * width].reshape(rows, _GROUPS, width)
    maxima = grouped.max(axis=1)  # (rows, width): group g is columns g, g + width, …
    groups = np.argpartition(maxima, width - k, axis=1)[:, width - k :]
    members = (groups[:, :, None] + np.arange(_GROUPS) * width).reshape(rows, -1)
    rest = np.arange(_GROUPS * width, columns)
    looked_at = np.concatenate([members, np.broadcast_to(rest, (rows, len(rest)))], axis=1)
    values = np.take_along_axis(scores, looked_at, axis=1)
    kept = np.argpartition(values, values.shape[1] - k, axis=1)[:, values.shape[1] - k :]
    return np.take_along_axis(looked_at, kept, axis=1)
