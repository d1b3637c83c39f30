"""How good a ranking is, per customer: binary relevance, full ranking, cut at k."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from training.interactions import Rows

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One value per judged customer; NaN for a customer whose truth is empty."""

    ndcg: Values  # (customers,)
    recall: Values  # (customers,) divided by min(k, relevant)
    hit: Values  # (customers,)


def judge(hits: NDArray[np.bool_], relevant: NDArray[np.integer]) -> Judgement:
    """Judge `hits` (customers, k), whether the item at each rank is in the truth."""
    k = hits.shape[1]
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[np.nan], np.cumsum(discounts)])
    reachable = np.minimum(relevant, k)
    found = hits.sum(axis=1)
    none = np.where(relevant > 0, 1.0, np.nan)
    return Judgement(
        ndcg=(hits @ discounts) / ideal[reachable],
        recall=found / np.maximum(reachable, 1) * none,
        hit=(found > 0) * none,
    )


def hits_of(top: Rows, truth: sparse.csr_array) -> NDArray[np.bool_]:
    """Look up whether each listed item is in its row's truth; −1 in `top` is no item."""
    rows, items = truth.shape
    owners = np.repeat(np.arange(rows, dtype=np.int64), np.diff(truth.indptr))
    relevant = owners * items + truth.indices  # ascending, for indices are sorted
    listed = np.arange(rows, dtype=np.int64)[:, None] * items + top
    if not len(relevant):
        return np.zeros(top.shape, dtype=bool)
    place = np.minimum(np.searchsorted(relevant, listed), len(relevant) - 1)
    return np.asarray((relevant[place] == listed) & (top >= 0))


def mean_and_error(values: Values) -> tuple[float, float]:
    """Return the mean and its standard error over the customers that have a value."""
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    spread = known.std(ddof=1) if len(known) > 1 else float("nan")
    return float(known.mean()), float(spread / np.sqrt(len(known)))
