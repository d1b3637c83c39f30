"""The most similar columns of a sparse matrix, as one list per column."""

from dataclasses import dataclass

import numpy as np
from implicit.nearest_neighbours import all_pairs_knn
from numpy.typing import NDArray
from scipy import sparse

from training.interactions import Floats, Rows, for_implicit
from training.ranking import NOTHING


@dataclass(frozen=True, slots=True)
class NeighbourLists:
    """Each item's neighbours, closest first, none of them itself, all above zero.

    A short list ends in items of −1 and scores of 0.
    """

    items: Rows  # (items, k)
    scores: Floats  # (items, k)

    @property
    def listed(self) -> NDArray[np.bool_]:
        return np.asarray(self.items != NOTHING)

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Return where each list begins among all entries, and where the last one ends."""
        return np.concatenate([[0], np.cumsum(self.listed.sum(axis=1, dtype=np.int64))])

    def matrix(self) -> sparse.csr_array:
        """Return items × items; row r holds the neighbours of item r."""
        listed = self.listed
        size = len(self.items)
        entries = (self.scores[listed], self.items[listed], self.offsets)
        similarity: sparse.csr_array = sparse.csr_array(entries, shape=(size, size))
        similarity.sort_indices()
        return similarity


def nearest_columns(weighted: sparse.csr_array, k: int) -> NeighbourLists:
    """Return for each column the k others of greatest inner product."""
    size = weighted.shape[1]
    if weighted.nnz == 0:
        return NeighbourLists(np.zeros((size, 0), np.int32), np.zeros((size, 0), np.float32))
    # One more than k, for a column is its own nearest.
    found = all_pairs_knn(for_implicit(weighted), k + 1, show_progress=False)
    items, scores = found.col.reshape(size, k + 1), found.data.reshape(size, k + 1)
    scores = np.where(items == np.arange(size)[:, None], 0.0, scores)  # itself goes last
    by_item = np.argsort(items, axis=1)
    by_score = np.argsort(-np.take_along_axis(scores, by_item, axis=1), axis=1, kind="stable")
    order = np.take_along_axis(by_item, by_score, axis=1)[:, :k]
    scores = np.take_along_axis(scores, order, axis=1).astype(np.float32)
    items = np.where(scores > 0, np.take_along_axis(items, order, axis=1), NOTHING)
    return NeighbourLists(items.astype(np.int32), np.maximum(scores, 0.0))


def scaled(matrix: sparse.csr_array, columns: Floats) -> sparse.csr_array:
    """Multiply each column by its factor."""
    result = matrix.astype(np.float64)
    result.data *= columns[result.indices]
    return result
