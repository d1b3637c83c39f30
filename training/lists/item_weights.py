"""Item-to-item weights for customers whom the model does not know: pruned rows of EASE^R.

Row r of B (see `training.recommenders.ease`) has the weights of other items after a purchase of
item r. A weight stays only if at least `k_anonymity` customers bought both items.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from recsvc.model.artifact.artifact import RankedLists
from training.dataset.history import Floats, Rows
from training.dataset.training_data import TrainingData
from training.recommenders.inverse import symmetric_inverse, symmetric_solution
from training.recommenders.sparse_products import dense_product

MOST_ITEMS = 5000  # most bought items with weights; their matrix has 100 MB
KEPT = 64  # weights per item, the largest by size
_BLOCK = 500  # rows at once


@dataclass(frozen=True, slots=True)
class ItemWeights:
    """Weights of all items, per bought item, the greatest first; their rows are item rows."""

    lists: RankedLists

    def matrix(self) -> sparse.csr_array:
        """Return items × items; row r has the weights after a purchase of item r."""
        lists = self.lists
        size = len(lists.offsets) - 1
        return sparse.csr_array((lists.scores, lists.items, lists.offsets), shape=(size, size))


def fit_item_weights(
    training_data: TrainingData, regularization: float, k_anonymity: int
) -> ItemWeights:
    """Fit EASE^R on the most bought items. The arrays depend on consenting customers only."""
    customer_items, buyers = training_data.customer_items, training_data.customer_items.buyers
    best = np.argsort(-buyers, kind="stable")[:MOST_ITEMS]
    items = np.sort(best[buyers[best] >= max(k_anonymity, 1)])
    counts = np.log1p(customer_items.add_up(np.ones(len(training_data.history.items))))
    matrix = customer_items.matrix(counts)[:, items]
    learners = np.flatnonzero(np.diff(matrix.indptr))
    matrix = matrix[learners]
    if len(learners) < len(items):
        weights = _dual(matrix, regularization)
    else:
        gram = dense_product(sparse.csr_array(matrix.T), matrix)
        gram[np.diag_indices_from(gram)] += regularization
        inverse = symmetric_inverse(gram)
        weights = inverse / -np.diag(inverse) if len(items) else inverse
    held = sparse.csr_array(
        (np.ones(matrix.nnz, np.float32), matrix.indices, matrix.indptr), shape=matrix.shape
    )
    return ItemWeights(_pruned(weights, held, items, len(buyers), k_anonymity))


def _dual(matrix: sparse.csr_array, regularization: float) -> Floats:
    """Return B by the inverse over customers: B_ij = x_i' M x_j / (1 − x_j' M x_j)."""
    gram = dense_product(matrix, sparse.csr_array(matrix.T))
    gram[np.diag_indices_from(gram)] += regularization
    explained = symmetric_solution(gram, np.asarray(matrix.toarray(order="F"), np.float32))
    explained /= np.maximum(1 - np.diag(explained), 1e-6)
    return explained


def _pruned(
    weights: Floats, held: sparse.csr_array, items: Rows, items_total: int, k_anonymity: int
) -> RankedLists:
    """Keep the largest weights of each row, of pairs with enough customers, greatest first."""
    by_column = sparse.csc_array(held)
    lengths = np.zeros(items_total, np.int64)
    columns, values = [np.zeros(0, np.int32)], [np.zeros(0, np.float32)]
    kept = min(KEPT, max(len(items) - 1, 0))
    for start in range(0, len(items) if kept else 0, _BLOCK):
        block = weights[start : start + _BLOCK]
        block = np.where(
            dense_product(by_column[:, start : start + _BLOCK].T, held) >= k_anonymity,
            block,
            np.float32(0),
        )
        rows = np.arange(len(block))
        block[rows, start + rows] = 0
        chosen = np.sort(np.argpartition(-np.abs(block), kept, axis=1)[:, :kept], axis=1)
        found = np.take_along_axis(block, chosen, axis=1)
        order = np.argsort(-found, axis=1, kind="stable")
        found = np.take_along_axis(found, order, axis=1)
        chosen = np.take_along_axis(chosen, order, axis=1)
        some = found != 0
        lengths[items[start : start + _BLOCK]] = some.sum(axis=1)
        columns.append(items[chosen[some]].astype(np.int32))
        values.append(found[some])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return RankedLists(offsets, np.concatenate(columns), np.concatenate(values))
