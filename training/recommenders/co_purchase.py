"""Co-purchase: items in the same order more often than by chance.

A softened lift, c(a,b) / ((c(a) + shrinkage)·(c(b) + shrinkage)^softness), where c counts orders:
the shrunk probability of b in an order with a, over a power of b's own. Softness 1 is the lift,
which favours rare items; softness 0 favours popular ones.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from training.dataset.history import Floats, History, Rows
from training.dataset.training_data import TrainingData
from training.recommenders.item_neighbours import FittedNeighbours, most_bought
from training.recommenders.neighbour_lists import BLOCK, NeighbourLists, joined, nearest
from training.recommenders.sparse_products import dense_product


@dataclass(frozen=True, slots=True)
class CoPurchase:
    """Scores neighbours of the items of a customer's last orders; older orders weigh less."""

    last_orders: int = 6
    order_decay: float = 0.8
    neighbours: int = 100
    shrinkage: float = 10.0
    softness: float = 0.5
    largest_order: int = 100  # larger orders are deliveries, not baskets
    column_limit: int = 4000

    def fit(self, training_data: TrainingData) -> FittedNeighbours:
        kept = most_bought(training_data, self.column_limit)
        lists = self.lists(training_data.history, kept)
        return FittedNeighbours(
            kept, self.tastes(training_data.history, kept), lists, lists.matrix()
        )

    def lists(self, history: History, items: Rows) -> NeighbourLists:
        """Return each item's neighbours among `items`."""
        orders = self.orders(history, items)
        counts = np.diff(orders.indptr) + self.shrinkage
        by_order = sparse.csr_array(orders)
        parts = []
        for start in range(0, len(items), BLOCK):
            together = dense_product(orders[:, start : start + BLOCK].T, by_order)
            lift = together / (counts[start : start + BLOCK, None] * counts**self.softness)
            parts.append(nearest(lift.astype(np.float32), self.neighbours, start))
        return joined(parts, len(items), self.neighbours)

    def orders(self, history: History, items: Rows) -> sparse.csc_array:
        """Return a matrix of ones: orders × items."""
        _, rows, sizes = np.unique(history.orders, return_inverse=True, return_counts=True)
        columns = _columns_of(items, history.items_total)[history.items]
        used = (columns >= 0) & (sizes[rows] <= self.largest_order)
        ones = np.ones(int(used.sum()), np.float32)
        shape = (len(sizes), len(items))
        return sparse.coo_array((ones, (rows[used], columns[used])), shape=shape).tocsc()

    def tastes(self, history: History, items: Rows) -> sparse.csr_array:
        ages = history.order_ages()
        columns = _columns_of(items, history.items_total)[history.items]
        used = (ages < self.last_orders) & (columns >= 0)
        weights: Floats = (self.order_decay ** ages[used]).astype(np.float32)
        where = (history.customers[used], columns[used])
        shape = (history.customers_total, len(items))
        return sparse.coo_array((weights, where), shape=shape).tocsr()


def _columns_of(items: Rows, items_total: int) -> Rows:
    """Return each item's position in `items`, −1 for a missing one."""  # (items_total,)
    columns = np.full(items_total, -1)
    columns[items] = np.arange(len(items))
    return columns
