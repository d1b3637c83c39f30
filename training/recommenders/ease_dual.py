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

_BLOCK = 2000  # columns at once


@dataclass(frozen=True, slots=True)
class FittedEaseDual:
    items: Rows  # (columns,)
    matrix: sparse.csr_array  # customers × columns
    learned_from: sparse.csr_array  # learners × columns: X
    learners: Rows  # (customers,) each customer's row of X, −1 without one
    inverse: Floats  # (learners, learners): M
    diagonal: Floats  # (columns,): diag(P)

    def score(self, customers: Rows) -> Floats:
        rows = self.learners[customers]
        mixed = self.inverse[np.maximum(rows, 0)]
        mixed[rows < 0] = 0
        projected = np.asarray((self.learned_from.T @ mixed.T).T)
        projected /= -self.diagonal
        projected += self.matrix[customers].toarray()
        return np.asarray(projected, dtype=np.float32)


def fit_dual(
    matrix: sparse.csr_array, learners: Rows, head: Rows, regularization: float
) -> FittedEaseDual:
    rows = matrix[learners]
    gram = np.asarray((rows @ rows.T).toarray(), dtype=np.float32)
    gram[np.diag_indices_from(gram)] += regularization
    inverse = symmetric_inverse(gram)
    explained = _column_products(rows.tocsc(), inverse)
    diagonal = np.maximum(1 - explained, 1e-6) / regularization
    row_of = np.full(matrix.shape[0], -1)
    row_of[learners] = np.arange(len(learners))
    return FittedEaseDual(head, matrix, rows, row_of, inverse, diagonal.astype(np.float32))


def _column_products(columns: sparse.csc_array, inverse: Floats) -> Floats:
    """Return x_j' M x_j for every column j."""  # (columns,)
    parts = [np.zeros(0, np.float32)]
    for start in range(0, columns.shape[1], _BLOCK):
        some = columns[:, start : start + _BLOCK]
        parts.append(np.asarray(some.multiply((some.T @ inverse).T).sum(axis=0)).ravel())
    return np.concatenate(parts)
