"""Ranking metrics per customer, with binary relevance: NDCG, recall, hit rate and MRR at k."""

import numpy as np
from numpy.typing import NDArray

from training.dataset.ground_truth import GroundTruth
from training.dataset.history import Flags, Rows
from training.metrics.estimates import Estimate, Mean
from training.metrics.results import METRIC_KS

Values = NDArray[np.float64]

_RESAMPLES = 1000
_INTERVAL = (0.025, 0.975)
MOST_RESAMPLED = 10_000  # customers; beyond, the mean is normal and samples take gigabytes
_NORMAL = 1.959964  # standard errors on either side of 95 %


def hits_of(ground_truth: GroundTruth, customers: Rows, ranked: Rows) -> Flags:
    """Mark the relevant items of each list; −1 in `ranked` is no item."""  # (customers, k)
    k = ranked.shape[1]
    found = ground_truth.holds(np.repeat(customers, k), np.maximum(ranked.ravel(), 0))
    return (found & (ranked.ravel() >= 0)).reshape(ranked.shape)


def ndcg(hits: Flags, relevant: Rows, k: int) -> Values:
    """Return NDCG@k. The ideal list has min(k, relevant) hits."""  # (customers,)
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[np.inf], np.cumsum(discount)])[np.minimum(relevant, k)]
    return np.asarray(hits[:, :k] @ discount[: hits.shape[1]] / ideal)


def recall(hits: Flags, relevant: Rows, k: int) -> Values:
    """Return hits divided by min(k, relevant)."""  # (customers,)
    return np.asarray(hits[:, :k].sum(axis=1) / np.maximum(np.minimum(relevant, k), 1))


def hit_rate(hits: Flags, k: int) -> Values:
    return np.asarray(hits[:, :k].any(axis=1), dtype=np.float64)


def reciprocal_rank(hits: Flags, k: int) -> Values:
    if not hits.shape[1]:
        return np.zeros(len(hits))
    first = hits[:, :k].argmax(axis=1)
    return np.asarray(np.where(hits[:, :k].any(axis=1), 1.0 / (first + 1), 0.0))


def every_metric(hits: Flags, relevant: Rows) -> dict[str, Values]:
    """Return each metric at each k, per customer."""
    found: dict[str, Values] = {}
    for k in METRIC_KS:
        found[f"ndcg@{k}"] = ndcg(hits, relevant, k)
        found[f"recall@{k}"] = recall(hits, relevant, k)
        found[f"hit_rate@{k}"] = hit_rate(hits, k)
        found[f"mrr@{k}"] = reciprocal_rank(hits, k)
    return found


def mean_of(values: Values) -> Mean:
    """Return the mean over customers and its standard error."""
    if not len(values):
        return Mean(float("nan"), float("nan"), 0)
    return Mean(float(values.mean()), _standard_error(values), len(values))


def _standard_error(values: Values) -> float:
    """Return the standard error of the mean; infinity for fewer than two values."""
    if len(values) < 2:
        return float("inf")
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def resamples(customers: int, rng: np.random.Generator) -> NDArray[np.float32] | None:
    """Draw bootstrap samples as weights: row r times the values is the mean of sample r.

    Return None above MOST_RESAMPLED customers.
    """
    if customers > MOST_RESAMPLED:
        return None
    if not customers:
        return np.zeros((_RESAMPLES, 0), np.float32)
    draws = rng.multinomial(customers, np.full(customers, 1.0 / customers), _RESAMPLES)
    return (draws / customers).astype(np.float32)


def estimate(values: Values, weights: NDArray[np.float32] | None) -> Estimate:
    """Return the mean and its 95 % interval: bootstrap, or normal if `weights` is None."""
    if not len(values):
        return Estimate(float("nan"), float("nan"), float("nan"), float("nan"))
    mean, error = float(values.mean()), _standard_error(values)
    if weights is None:
        return Estimate(mean, error, mean - _NORMAL * error, mean + _NORMAL * error)
    low, high = np.quantile(weights @ values, _INTERVAL)
    return Estimate(mean, error, float(low), float(high))
