"""Item neighbours: items that the same customers buy, by a damped cosine.

The cosine of two columns of the customers × items matrix, each length enlarged by a constant
(√(|a|² + shrinkage)), so that two items one customer bought once are not the closest of all.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from training.interactions import Floats, Interactions, Rows
from training.recommenders.decay import magnitude, recency
from training.recommenders.neighbour_lists import NeighbourLists, nearest_columns, scaled


@dataclass(frozen=True, slots=True)
class FittedItemNeighbours:
    lists: NeighbourLists
    similarity: sparse.csr_array  # items × items
    weights: sparse.csr_array  # customers × items

    def score(self, customers: Rows) -> Floats:
        scores: Floats = (self.weights[customers] @ self.similarity).toarray()
        return scores


@dataclass(frozen=True, slots=True)
class ItemNeighbours:
    k: int = 50
    shrinkage: float = 10.0
    half_life_days: float = 180.0
    max_items: int = (
        1000  # per customer: a wholesaler's wholesaler says little and costs its square
    )

    def fit(self, interactions: Interactions) -> FittedItemNeighbours:
        weights = recency(interactions, self.half_life_days) * magnitude(interactions)
        bought = interactions.matrix(weights)
        bought.data = np.log1p(bought.data)
        lists = nearest_columns(self.damped(heaviest(bought, self.max_items)), self.k)
        return FittedItemNeighbours(lists, lists.matrix(), bought)

    def damped(self, bought: sparse.csr_array) -> sparse.csr_array:
        """Divide rows by √length (big baskets say less of each item), columns by damped length."""
        per_customer = np.diff(bought.indptr)
        rows = np.repeat(1.0 / np.sqrt(np.maximum(per_customer, 1)), per_customer)
        evened = bought.astype(np.float64)
        evened.data *= rows * np.sqrt(np.mean(per_customer) if len(per_customer) else 1.0)
        squares = np.bincount(evened.indices, evened.data**2, minlength=evened.shape[1])
        return scaled(evened, 1.0 / np.sqrt(squares + self.shrinkage))


def heaviest(bought: sparse.csr_array, most: int) -> sparse.csr_array:
    """Keep each customer's `most` heaviest items, the first of equals."""
    customers = np.repeat(np.arange(bought.shape[0]), np.diff(bought.indptr))
    order = np.lexsort((bought.indices, -bought.data, customers))
    rank = np.arange(len(order)) - bought.indptr[customers[order]]
    kept = np.sort(order[rank < most])
    entries = (bought.data[kept], (customers[kept], bought.indices[kept]))
    result = sparse.coo_array(entries, shape=bought.shape).tocsr()
    result.sort_indices()
    return result
