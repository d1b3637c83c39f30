"""Logistic regression with a ridge penalty, by Newton's method."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

_RIDGE = 10.0  # of a standardized column
_STEPS = 15
_LEAST_STEP = 1e-3


def fit_logistic(columns: Numbers, labels: Numbers) -> tuple[Numbers, float]:
    """Return the weight of each column and the intercept; columns (rows, k), labels 0 or 1."""
    mean, scale = columns.mean(axis=0), columns.std(axis=0) + 1e-9
    inputs = np.column_stack([(columns - mean) / scale, np.ones(len(columns))])
    share = float(np.clip(labels.mean(), 1e-4, 1 - 1e-4))
    weights = np.zeros(inputs.shape[1])
    weights[-1] = np.log(share / (1 - share))
    ridge = np.full(inputs.shape[1], _RIDGE)
    ridge[-1] = 1e-6
    loss = _loss(inputs, labels, weights, ridge)
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        curvature = inputs.T @ (inputs * (chance * (1 - chance))[:, None]) + np.diag(ridge)
        step = np.linalg.solve(curvature, inputs.T @ (chance - labels) + ridge * weights)
        length = 1.0
        while length > _LEAST_STEP and _loss(inputs, labels, weights - length * step, ridge) > loss:
            length /= 2
        lower = _loss(inputs, labels, weights - length * step, ridge)
        if loss - lower < _LEAST_STEP:
            break
        weights, loss = weights - length * step, lower
    per_column = weights[:-1] / scale
    return per_column, float(weights[-1] - (per_column * mean).sum())


def _loss(inputs: Numbers, labels: Numbers, weights: Numbers, ridge: Numbers) -> float:
    odds = inputs @ weights
    return float((np.logaddexp(0, odds) - labels * odds).sum() + (ridge * weights**2).sum() / 2)
