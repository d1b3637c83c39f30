"""Matrix factorization of implicit feedback by alternating least squares.

Hu, Koren, Volinsky 2008; the size of the factors and of the regularization matter more than
anything else (Rendle et al. 2021, "Revisiting the Performance of iALS").
"""

from dataclasses import dataclass

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse
from threadpoolctl import threadpool_limits

from training.interactions import Floats, Interactions, Rows, for_implicit
from training.recommenders.decay import magnitude, recency


@dataclass(frozen=True, slots=True)
class FittedAls:
    customer_factors: Floats  # (customers, factors)
    item_factors: Floats  # (items, factors)

    def score(self, customers: Rows) -> Floats:
        # One BLAS thread: with more, the last bits depend on how many there are.
        with threadpool_limits(1, "blas"):
            return self.customer_factors[customers] @ self.item_factors.T


@dataclass(frozen=True, slots=True)
class Als:
    """Confidence grows with the logarithm of what a customer's purchases of an item weigh."""

    seed: int
    factors: int = 128
    iterations: int = 8
    alpha: float = 2.0
    regularization_per_item: float = 0.1
    half_life_days: float = 365.0

    def fit(self, interactions: Interactions) -> FittedAls:
        weights = recency(interactions, self.half_life_days) * magnitude(interactions)
        confidence = interactions.matrix(weights)
        confidence.data = np.log1p(confidence.data)
        with threadpool_limits(1, "blas"):
            model = self.factorize(for_implicit(confidence))
        return FittedAls(model.user_factors, model.item_factors)

    def factorize(self, confidence: sparse.csr_matrix) -> AlternatingLeastSquares:
        customers, items = confidence.shape
        model = AlternatingLeastSquares(
            factors=min(self.factors, customers, items),
            regularization=self.regularization(confidence.nnz / customers),
            alpha=self.alpha,
            iterations=self.iterations,
            random_state=self.seed,
        )
        model.fit(confidence, show_progress=False)
        return model

    def regularization(self, items_per_customer: float) -> float:
        """Scale with what a customer has bought, so that the factors of small shops survive."""
        return max(self.regularization_per_item * items_per_customer, 0.01)
