"""EASE^R for fewer customers than items: exact, without an item-item matrix.

With X the training customers' rows, M = (XX' + λI)⁻¹ and P = (X'X + λI)⁻¹: XP = MX, and
diag(P)_j = (1 − x_j'M x_j) / λ for column j. So a customer's row of XB = X − XP / diag(P) needs
one row of M.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from training.dataset.history import Floats, Rows
from training.recommenders.inverse import symmetric_inverse
from training.recommenders.sparse_products import add_rows, dense_product, quadratic_forms


@dataclass(frozen=True, slots=True)
class FittedEaseDual:
    items: Rows  # (columns,)
    matrix: sparse.csr_array  # customers × columns
    by_item: sparse.csr_array  # columns × learners: X'
    learners: Rows  # (customers,) each customer's row of X, −1 without one
    inverse: Floats  # (learners, learners): M
    diagonal: Floats  # (columns,): diag(P)

    def score(self, customers: Rows) -> Floats:
        rows = self.learners[customers]
        mixed = self.inverse[np.maximum(rows, 0)]
        mixed[rows < 0] = 0
        projected: Floats = np.ascontiguousarray((self.by_item @ np.ascontiguousarray(mixed.T)).T)
        projected /= -self.diagonal
        add_rows(projected, self.matrix[customers])
        return projected


def fit_dual(
    matrix: sparse.csr_array, learners: Rows, head: Rows, regularization: float
) -> FittedEaseDual:
    rows = matrix[learners]
    by_item = rows.T.tocsr()
    gram = dense_product(rows, by_item)
    gram[np.diag_indices_from(gram)] += regularization
    inverse = symmetric_inverse(gram)
    explained = quadratic_forms(rows.tocsc(), inverse)
    diagonal = np.maximum(1 - explained, 1e-6) / regularization
    row_of = np.full(matrix.shape[0], -1)
    row_of[learners] = np.arange(len(learners))
    return FittedEaseDual(head, matrix, by_item, row_of, inverse, diagonal.astype(np.float32))
