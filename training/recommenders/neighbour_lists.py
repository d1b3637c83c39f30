"""The most similar columns of each column of a sparse matrix."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from training.dataset.history import Flags, Floats, Rows
from training.dataset.segments import NOTHING
from training.recommenders.sparse_products import dense_product

BLOCK = 512  # columns compared with all others at once


@dataclass(frozen=True, slots=True)
class NeighbourLists:
    """Each column's neighbours, nearest first, without itself and with scores above 0.

    A short list ends in columns of NOTHING and scores of 0.
    """

    columns: Rows  # (columns, k)
    scores: Floats  # (columns, k)

    @property
    def listed(self) -> Flags:
        return np.asarray(self.columns != NOTHING)

    @property
    def offsets(self) -> Rows:
        """Return the begin of each list among all entries, and the end of the last one."""
        return np.concatenate([[0], np.cumsum(self.listed.sum(axis=1, dtype=np.int64))])

    def matrix(self) -> sparse.csr_array:
        """Return columns × columns; row r holds the neighbours of column r."""
        size = len(self.columns)
        entries = (self.scores[self.listed], self.columns[self.listed], self.offsets)
        similarity: sparse.csr_array = sparse.csr_array(entries, shape=(size, size))
        similarity.sort_indices()
        return similarity

    def among(self, items: Rows, items_total: int) -> "NeighbourLists":
        """Return lists for all items from lists of columns, which are the rows `items`."""
        columns = np.full((items_total, self.columns.shape[1]), NOTHING, np.int64)
        scores = np.zeros((items_total, self.columns.shape[1]), np.float32)
        columns[items] = np.where(self.listed, items[np.maximum(self.columns, 0)], NOTHING)
        scores[items] = self.scores
        return NeighbourLists(columns, scores)


def nearest_columns(matrix: sparse.csr_array, k: int, shrinkage: float) -> NeighbourLists:
    """Return each column's k nearest others by shrunk cosine."""
    by_column = sparse.csc_array(matrix).astype(np.float32)
    by_row = sparse.csr_array(by_column)
    lengths = np.sqrt(np.asarray(by_column.multiply(by_column).sum(axis=0)).ravel())
    parts = []
    for start in range(0, by_column.shape[1], BLOCK):
        products = dense_product(by_column[:, start : start + BLOCK].T, by_row)
        products /= lengths[start : start + BLOCK, None] * lengths[None, :] + shrinkage + 1e-12
        parts.append(nearest(products, k, start))
    return joined(parts, by_column.shape[1], k)


def nearest(block: Floats, k: int, start: int) -> NeighbourLists:
    """Rank a block of similarities. Row r is column start + r and excludes itself."""
    rows = np.arange(len(block))
    block[rows, start + rows] = 0
    k = min(k, block.shape[1])
    chosen = np.sort(np.argpartition(-block, k - 1, axis=1)[:, :k], axis=1)
    scores = np.take_along_axis(block, chosen, axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")
    scores = np.take_along_axis(scores, order, axis=1)
    columns = np.take_along_axis(chosen, order, axis=1)
    return NeighbourLists(np.where(scores > 0, columns, NOTHING), np.maximum(scores, 0))


def joined(parts: list[NeighbourLists], columns: int, k: int) -> NeighbourLists:
    if not parts:
        return NeighbourLists(np.zeros((columns, k), np.int64), np.zeros((columns, k), np.float32))
    return NeighbourLists(
        np.concatenate([part.columns for part in parts]),
        np.concatenate([part.scores.astype(np.float32) for part in parts]),
    )
