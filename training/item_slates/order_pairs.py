"""Pairs of items, or of categories, in the same orders, each with enough distinct customers."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from training.dataset.history import Flags, Floats, History, Rows
from training.item_slates.order_loops import Entries, count_pairs

LARGEST_ORDER = 1000  # lines; the cost of an order grows with the square of its lines


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders × columns as a matrix of ones, rows sorted by customer."""

    matrix: sparse.csr_array
    owners: Rows  # (orders,) customer

    @property
    def counts(self) -> Floats:
        """Count the orders of each column."""  # (columns,)
        return np.bincount(self.matrix.indices, minlength=self.matrix.shape[1]).astype(np.float32)


@dataclass(frozen=True, slots=True)
class OrderPairs:
    """Partners of each column: entries offsets[c] to offsets[c + 1] are those of column c."""

    offsets: Rows  # (columns + 1,)
    partners: Entries  # (pairs,)
    together: Floats  # (pairs,) common orders
    customers: Entries  # (pairs,) distinct customers of those orders
    counts: Floats  # (columns,) orders of each column
    left_out: int = 0  # pairs of enough orders, but of too few customers

    @property
    def rows(self) -> Entries:
        """Return the column that each entry belongs to."""  # (pairs,)
        return np.repeat(np.arange(len(self.counts), dtype=np.int32), np.diff(self.offsets))

    def only(self, kept: Flags) -> "OrderPairs":
        """Keep the entries that the flags mark."""
        counts = np.bincount(self.rows[kept], minlength=len(self.counts))
        offsets = np.concatenate([[0], np.cumsum(counts)])
        return replace(
            self,
            offsets=offsets,
            partners=self.partners[kept],
            together=self.together[kept],
            customers=self.customers[kept],
        )


def orders_of(history: History) -> Orders:
    """Return orders × items; orders with more than LARGEST_ORDER lines are deliveries."""
    return orders_by(history, np.arange(history.items_total), history.items_total)


def orders_by(history: History, column_of: Rows, columns: int) -> Orders:
    """Return orders × columns; `column_of` (items,) is −1 for an item that is left out."""
    first = np.flatnonzero(np.diff(history.orders, prepend=-1))  # lines are sorted by order
    sizes = np.diff(np.append(first, len(history.orders)))
    rows, column = np.repeat(np.arange(len(first)), sizes), column_of[history.items]
    used = (column >= 0) & (sizes[rows] <= LARGEST_ORDER)
    keys = np.sort(rows[used] * columns + column[used], kind="stable")
    keys = keys[np.diff(keys, prepend=-1) > 0]
    entries = (np.ones(len(keys), np.float32), (keys // max(columns, 1), keys % max(columns, 1)))
    matrix = sparse.csr_array(entries, shape=(len(first), columns))
    return Orders(matrix, history.customers[first])


def pairs_of(orders: Orders, least: int, wanted: Flags | None = None) -> OrderPairs:
    """Return the pairs that orders of at least `least` distinct customers share.

    `wanted`: the columns whose partners are needed; all by default.
    """
    matrix = orders.matrix
    by_column = sparse.csc_array(matrix)
    found = count_pairs.run(
        matrix.indptr.astype(np.int64),
        matrix.indices.astype(np.int64),
        np.ascontiguousarray(orders.owners, np.int64),
        by_column.indptr.astype(np.int64),
        by_column.indices.astype(np.int64),
        np.ones(matrix.shape[1], bool) if wanted is None else wanted,
        least,
    )
    offsets, partners, together, customers, left_out = found
    counted = together.astype(np.float32)
    return OrderPairs(offsets, partners, counted, customers, orders.counts, left_out)
