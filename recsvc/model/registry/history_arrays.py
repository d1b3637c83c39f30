"""The arrays that rank items from a purchase history; defaults for a model without them.

Without learned arrays the neighbours of `similar` vote. The default coefficients were learned on
Complete Journey, where they hardly differ between months.
"""

import numpy as np

from recsvc.domain.catalogue.slates import ItemSlate
from recsvc.domain.errors import ModelRejected
from recsvc.model.artifact import format as layout
from recsvc.model.artifact.format import Array, Arrays
from recsvc.model.kernels.kernels import (
    HISTORY_WEIGHTS_LEAST,
    NOT_JUDGED,
    PURCHASES_SHARE,
    UNKNOWN_ROW,
    HistoryArrays,
)

# By the places that `kernels` names.
DEFAULT_COEFFICIENTS = np.array(
    [2.3, -2.6, -0.3, -0.1, 0.2, 1.0, 0.0, -0.25, 0.0, 0.0, 28.0, -2.5, 0.5]
    + [0.0] * (PURCHASES_SHARE - HISTORY_WEIGHTS_LEAST)
    + [NOT_JUDGED],
    np.float32,
)
_ADDED_LATER = DEFAULT_COEFFICIENTS[HISTORY_WEIGHTS_LEAST:]
_TOP_SHARE = 0.3  # of the customers who buy the most popular item within the horizon
_LEAST_SHARE = 3e-4
_OWN_WORTH, _NEW_WORTH, _PER_LOG_SHARE = -1.0, -0.5, 0.8

_NOTHING = np.zeros(0, np.float32)
NO_HISTORY_ARRAYS: HistoryArrays = (
    np.zeros(1, np.int64),
    np.zeros(0, np.int32),
    _NOTHING,
    _NOTHING,
    _NOTHING,
    DEFAULT_COEFFICIENTS,
    np.zeros(0, np.int32),
    _NOTHING,
    np.zeros(0, np.int32),
)


def history_arrays(arrays: Arrays) -> HistoryArrays:
    """Return the arrays of a version as `kernels.fold_in` takes them."""
    if layout.HISTORY_WEIGHTS.name in arrays:
        if len(arrays[layout.HISTORY_WEIGHTS.name]) < HISTORY_WEIGHTS_LEAST:
            raise ModelRejected(
                f"{layout.HISTORY_WEIGHTS.name}: fewer than {HISTORY_WEIGHTS_LEAST} numbers"
            )
        return in_columns(
            *_lists(layout.ITEM_WEIGHTS, arrays),
            arrays[layout.OWN_WORTH.name],
            arrays[layout.NEW_WORTH.name],
            arrays[layout.HISTORY_WEIGHTS.name],
        )
    items_total = len(arrays[layout.ITEM_IDS.name])
    popular, scores = (arrays[spec.name] for spec in layout.POPULAR.arrays())
    similar = layout.NEIGHBOURS[ItemSlate.SIMILAR]
    lists = _lists(similar, arrays) if similar.is_in(arrays) else NO_HISTORY_ARRAYS[:3]
    return default_arrays(*lists, items_total, popular, scores)


def default_arrays(
    offsets: Array, items: Array, weights: Array, items_total: int, popular: Array, scores: Array
) -> HistoryArrays:
    """Return arrays without learned scores: the lists are those of `similar`.

    `popular`, `scores`: the popular list.
    """
    share = np.full(items_total, _LEAST_SHARE)
    share[popular] += _TOP_SHARE * np.maximum(scores, 0) / max(float(scores.max(initial=0)), 1e-9)
    return in_columns(
        offsets,
        items,
        weights,
        np.full(items_total, _OWN_WORTH, np.float32),
        (_NEW_WORTH + _PER_LOG_SHARE * np.log(share)).astype(np.float32),
        DEFAULT_COEFFICIENTS,
    )


def in_columns(
    offsets: Array, items: Array, weights: Array, own: Array, new: Array, coefficients: Array
) -> HistoryArrays:
    """Number the items that have a weight, so that a request sums over these only.

    `offsets`, `items`, `weights`: lists per bought item, as item rows. `own`, `new`: (items,).
    """
    column_rows, columns = np.unique(items, return_inverse=True)
    # The items of the highest worth first, so that few later ones are among the best so far.
    order = np.argsort(-new[column_rows], kind="stable")
    column_rows, columns = column_rows[order], np.argsort(order)[columns]
    column_of = np.full(len(new), UNKNOWN_ROW, np.int32)
    column_of[column_rows] = np.arange(len(column_rows))
    return (
        offsets,
        columns.astype(np.int32).ravel(),
        weights,
        own,
        new,
        _complete(coefficients),
        column_rows.astype(np.int32),
        np.ascontiguousarray(new[column_rows]),
        column_of,
    )


def _complete(coefficients: Array) -> Array:
    """Add the defaults of coefficients that a model of an earlier version lacks."""
    known = max(len(coefficients) - HISTORY_WEIGHTS_LEAST, 0)
    return np.concatenate([coefficients, _ADDED_LATER[known:]])


def purchases_share(history_arrays: HistoryArrays) -> float | None:
    """Return the share of purchases since the end of the data; None: not judged."""
    share = float(history_arrays[5].item(PURCHASES_SHARE))
    return None if share < 0 else share


def _lists(spec: layout.RankedListsSpec, arrays: Arrays) -> tuple[Array, Array, Array]:
    offsets, items, scores = (arrays[each.name] for each in spec.arrays())
    return offsets, items, scores
