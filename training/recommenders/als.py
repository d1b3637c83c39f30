"""Matrix factorization of implicit feedback by alternating least squares (iALS).

Hu, Koren, Volinsky 2008. The number of factors and the regularization matter most (Rendle et al.
2021, "Revisiting the Performance of iALS").
"""

from dataclasses import dataclass
from math import inf

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse

from training.dataset.history import Floats, Rows, decay
from training.dataset.training_data import TrainingData

_USUAL_ITEMS = 250.0  # per customer, at which the regularization is not scaled


@dataclass(frozen=True, slots=True)
class FittedAls:
    items: Rows  # (columns,)
    customer_factors: Floats  # (customers, factors)
    item_factors: Floats  # (columns, factors)

    def score(self, customers: Rows) -> Floats:
        scores: Floats = self.customer_factors[customers] @ self.item_factors.T
        return scores


@dataclass(frozen=True, slots=True)
class Als:
    """Confidence grows with the logarithm of a customer's (decayed) orders of an item.

    `is_scaled`: the regularization scales with the purchases per customer, because a fixed one can
    shrink the factors of small shops to zero.
    """

    seed: int
    half_life_days: float = inf
    factors: int = 128
    regularization: float = 30.0
    alpha: float = 2.0
    iterations: int = 8
    is_scaled: bool = True
    least_weight: float = 0.03  # drops pairs that are too old to matter

    def fit(self, training_data: TrainingData) -> FittedAls:
        weights = training_data.customer_items.add_up(
            decay(training_data.history.ages(), self.half_life_days)
        )
        weights[weights < self.least_weight] = 0
        confidence = _for_implicit(
            training_data.customer_items.matrix(np.log1p(weights))[:, training_data.head]
        )
        confidence.eliminate_zeros()
        model = AlternatingLeastSquares(
            factors=max(min(self.factors, *confidence.shape), 1),
            regularization=self.scaled_regularization(confidence),
            alpha=self.alpha,
            iterations=self.iterations,
            random_state=self.seed,
            num_threads=1,  # see `concurrency`
        )
        model.fit(confidence, show_progress=False)
        factors = np.asarray(model.user_factors), np.asarray(model.item_factors)
        return FittedAls(training_data.head, *factors)

    def scaled_regularization(self, confidence: sparse.csr_matrix) -> float:
        if not self.is_scaled:
            return self.regularization
        active = max(int(np.count_nonzero(np.diff(confidence.indptr))), 1)
        share = min(confidence.nnz / active / _USUAL_ITEMS, 1.0)
        return max(self.regularization * share, 0.01)


def _for_implicit(matrix: sparse.csr_array) -> sparse.csr_matrix:
    """Return the matrix as `implicit` needs it: its class, with 32-bit indices."""
    parts = (matrix.data, matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32))
    return sparse.csr_matrix(parts, shape=matrix.shape)
