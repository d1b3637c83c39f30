"""Co-purchase: items that are in one order more often than chance would have it.

A softened lift, c(a,b) / ((c(a) + shrinkage)·(c(b) + shrinkage))^softness, where c counts
orders. With a softness of 1 it is the lift, which lists curiosities beside every much bought
item; with 0.5 the cosine, which lists what is much bought beside everything.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from training.interactions import Interactions
from training.recommenders.item_neighbours import heaviest
from training.recommenders.neighbour_lists import NeighbourLists, nearest_columns, scaled


@dataclass(frozen=True, slots=True)
class CoPurchase:
    k: int = 50
    shrinkage: float = 20.0
    softness: float = 0.6
    max_items: int = 200  # per order: a stock delivery is no basket

    def fit(self, interactions: Interactions) -> NeighbourLists:
        baskets = heaviest(order_matrix(interactions), self.max_items)
        counts = np.bincount(baskets.indices, minlength=baskets.shape[1])
        factors = (counts + self.shrinkage) ** -self.softness
        return nearest_columns(scaled(baskets, factors), self.k)


def order_matrix(interactions: Interactions) -> sparse.csr_array:
    """Return which items each order holds: ones, orders × items."""
    _, rows = np.unique(interactions.orders, return_inverse=True)
    ones = np.ones(len(rows), dtype=np.float32)
    shape = (int(rows.max()) + 1 if len(rows) else 0, interactions.shape[1])
    matrix = sparse.coo_array((ones, (rows, interactions.items)), shape=shape).tocsr()
    matrix.sort_indices()
    return matrix
