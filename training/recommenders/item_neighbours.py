"""Item neighbours: items of the same customers by shrunk cosine, weighted by recent purchases.

Customers with many items weigh less in each pair. A constant in the cosine's denominator keeps two
items with a single common customer from being the nearest.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from training.dataset.customer_items import CustomerItems
from training.dataset.history import Floats, Rows, decay
from training.dataset.training_data import TrainingData
from training.recommenders.neighbour_lists import NeighbourLists, nearest_columns
from training.recommenders.sparse_products import dense_product


@dataclass(frozen=True, slots=True)
class FittedNeighbours:
    items: Rows  # (columns,)
    tastes: sparse.csr_array  # customers × columns
    lists: NeighbourLists  # of columns
    similarity: sparse.csr_array  # columns × columns

    def score(self, customers: Rows) -> Floats:
        return dense_product(self.tastes[customers], self.similarity)


@dataclass(frozen=True, slots=True)
class ItemNeighbours:
    half_life_days: float
    neighbours: int = 100
    shrinkage: float = 20.0
    column_limit: int = 4000

    def fit(self, training_data: TrainingData) -> FittedNeighbours:
        kept = most_bought(training_data, self.column_limit)
        lists = self.lists(training_data.customer_items, kept)
        recent = training_data.customer_items.add_up(
            decay(training_data.history.ages(), self.half_life_days)
        )
        tastes = training_data.customer_items.matrix(np.log1p(recent))[:, kept]
        return FittedNeighbours(kept, tastes, lists, lists.matrix())

    def lists(self, customer_items: CustomerItems, items: Rows) -> NeighbourLists:
        """Return each item's neighbours among `items`."""
        bought = customer_items.matrix(np.ones(len(customer_items), np.float32))[:, items]
        per_customer = np.diff(bought.indptr)
        rarity = 1.0 / np.sqrt(1.0 + per_customer)
        bought.data = np.repeat(rarity, per_customer)
        shrinkage = self.shrinkage * float(np.mean(rarity**2))
        return nearest_columns(bought, self.neighbours, shrinkage)


def most_bought(training_data: TrainingData, limit: int) -> Rows:
    """Return the items of the head with the most buyers, in ascending order."""
    order = np.argsort(-training_data.customer_items.buyers[training_data.head], kind="stable")
    return np.sort(training_data.head[order[:limit]])
