"""A weighted blend of base models, with weights fitted on past windows.

The weights are non-negative and maximise the likelihood of the purchases under a softmax over each
customer's candidates (the top-one loss of ListNet, Cao et al. 2007). The problem is convex, so
equal rows give equal weights.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from training.dataset.history import Floats, Rows
from training.features.facts import Column
from training.metrics.model import Family, Model
from training.metrics.results import Importance
from training.ranking.samples import Sample, joined

BLEND = Model("blend", "Weighted blend of simple models", Family.BLEND)

_GREATEST_WEIGHT = 50.0
_PENALTY = 1e-4
_ITERATIONS = 60

Weights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FittedBlend:
    columns: Rows  # of the features
    weights: Weights

    def score(self, features: Floats) -> NDArray[np.float64]:
        return np.asarray(features[:, self.columns] @ self.weights)

    def importances(self, columns: tuple[Column, ...]) -> tuple[Importance, ...]:
        """Return the weights as shares of 1, greatest first."""
        shares = self.weights / max(float(self.weights.sum()), 1e-12)
        order = np.argsort(-shares, kind="stable")
        named = ((columns[self.columns[at]], float(shares[at])) for at in order)
        return tuple(Importance(name, group, share) for (group, name), share in named)


def fit_blend(columns: tuple[Column, ...], samples: list[Sample]) -> FittedBlend:
    chosen = _blended(columns)
    sample = joined([each.seeing(chosen) for each in samples])
    scores = np.asarray(sample.features, dtype=np.float64)
    found = optimize.minimize(
        _loss_of(scores, sample),
        np.ones(len(chosen)),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, _GREATEST_WEIGHT)] * len(chosen),
        options={"maxiter": _ITERATIONS},
    )
    return FittedBlend(chosen, np.asarray(found.x))


def _blended(columns: tuple[Column, ...]) -> Rows:
    """Return the columns with the scores of proposers and of the rhythm."""
    names = [at for at, (group, name) in enumerate(columns) if _is_score(group, name)]
    return np.array(names)


def _is_score(group: str, name: str) -> bool:
    return group in ("score", "popular") and name != "votes"


def _loss_of(scores: Weights, sample: Sample) -> Callable[[Weights], tuple[float, Weights]]:
    """Return the mean loss over customers and its gradient as a function of the weights."""
    starts = np.concatenate([[0], np.cumsum(sample.groups)[:-1]])
    hits = np.add.reduceat(sample.labels.astype(np.float64), starts)
    wanted = sample.labels / np.repeat(hits, sample.groups)

    def loss(weights: Weights) -> tuple[float, Weights]:
        total = scores @ weights
        greatest = np.repeat(np.maximum.reduceat(total, starts), sample.groups)
        shares = np.exp(total - greatest)
        sums = np.repeat(np.add.reduceat(shares, starts), sample.groups)
        logs = total - greatest - np.log(sums)
        customers = len(starts)
        value = -float(wanted @ logs) / customers + _PENALTY * float(weights @ weights)
        gradient = scores.T @ (shares / sums - wanted) / customers + 2 * _PENALTY * weights
        return value, gradient

    return loss
