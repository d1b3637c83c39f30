"""EASE^R (Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data").

B = I − P / diag(P) with P = (X'X + λI)⁻¹ predicts each item from all others. `ease_dual` handles
fewer customers than items without the item-item inverse.
"""

from dataclasses import dataclass
from math import inf

import numpy as np
from scipy import sparse

from training.dataset.history import Floats, Rows, decay
from training.dataset.training_data import TrainingData
from training.recommenders.ease_dual import FittedEaseDual, fit_dual
from training.recommenders.inverse import symmetric_inverse
from training.recommenders.sparse_products import dense_product

_LARGEST_INVERSE = 4000  # rows: 64 MB, and some seconds on one core


@dataclass(frozen=True, slots=True)
class FittedEase:
    items: Rows  # (columns,)
    matrix: sparse.csr_array  # customers × columns
    weights: Floats  # (columns, columns): B

    def score(self, customers: Rows) -> Floats:
        return np.asarray(self.matrix[customers] @ self.weights, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Ease:
    regularization: float
    half_life_days: float = inf

    def fit(self, training_data: TrainingData) -> FittedEase | FittedEaseDual:
        head = training_data.head
        weights = training_data.customer_items.add_up(
            decay(training_data.history.ages(), self.half_life_days)
        )
        matrix = training_data.customer_items.matrix(np.log1p(weights))[:, head]
        learners = np.flatnonzero(np.diff(matrix.indptr))
        if 0 < len(learners) <= min(_LARGEST_INVERSE, len(head)):
            return fit_dual(matrix, learners, head, self.regularization)
        return self.fit_primal(matrix, head)

    def fit_primal(self, matrix: sparse.csr_array, head: Rows) -> FittedEase:
        """Fit on the items with the most customers only, which limits the inverse's size."""
        buyers = np.bincount(matrix.indices, minlength=len(head))
        kept = np.sort(np.argsort(-buyers, kind="stable")[:_LARGEST_INVERSE])
        part = matrix[:, kept]
        gram = dense_product(sparse.csr_array(part.T), part)
        gram[np.diag_indices_from(gram)] += self.regularization
        inverse = symmetric_inverse(gram)
        weights = inverse / -np.diag(inverse)
        np.fill_diagonal(weights, 0)
        return FittedEase(head[kept], part, weights)
