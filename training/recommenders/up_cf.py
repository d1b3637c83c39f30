"""UP-CF@r (Faggioli, Polato, Aiolli 2020, "Recency Aware Collaborative Filtering for Next Basket
Recommendation").

A customer's vector is the share of the last r orders that hold each item. The score adds the
vectors of other customers, weighted by the asymmetric cosine of their item sets to the power of a
locality.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from training.dataset.history import Floats, History, Rows
from training.dataset.training_data import TrainingData
from training.recommenders.peers import latest_customers, nearest
from training.recommenders.sparse_products import add_rows, dense_product


@dataclass(frozen=True, slots=True)
class FittedUpCf:
    items: Rows  # (columns,)
    shares: sparse.csr_array  # customers × columns: share of the last orders
    bought: sparse.csr_array  # customers × columns: ones
    peers: Rows  # customers who may be neighbours
    peer_shares: sparse.csr_array  # peers × columns
    peer_bought: sparse.csr_array  # columns × peers
    asymmetry: float
    locality: float
    neighbours: int

    def score(self, customers: Rows) -> Floats:
        scores = dense_product(self.nearest(customers), self.peer_shares)
        add_rows(scores, self.shares[customers])
        return scores

    def nearest(self, customers: Rows) -> sparse.csr_array:
        """Return the similarity of the nearest peers to the power of the locality."""
        common = dense_product(self.bought[customers], self.peer_bought)
        sizes = np.maximum(np.diff(self.bought.indptr), 1)
        common /= (sizes[customers] ** self.asymmetry)[:, None]
        common /= sizes[self.peers] ** (1 - self.asymmetry)
        common[customers[:, None] == self.peers[None, :]] = 0
        return sparse.csr_array(nearest(common, self.neighbours) ** self.locality)


@dataclass(frozen=True, slots=True)
class UpCf:
    last_orders: int = 25
    asymmetry: float = 0.25
    locality: float = 5.0
    neighbours: int = 300
    peer_limit: int = 6000  # the most recently active customers

    def fit(self, training_data: TrainingData) -> FittedUpCf:
        history, head = training_data.history, training_data.head
        customer_items = training_data.customer_items
        shares = customer_items.matrix(customer_items.add_up(self.line_weights(history)))[:, head]
        bought = customer_items.matrix(np.ones(len(customer_items), np.float32))[:, head]
        shares.eliminate_zeros()
        peers = latest_customers(history, self.peer_limit)
        return FittedUpCf(
            items=head,
            shares=shares,
            bought=bought,
            peers=peers,
            peer_shares=shares[peers],
            peer_bought=bought[peers].T.tocsr(),
            asymmetry=self.asymmetry,
            locality=self.locality,
            neighbours=self.neighbours,
        )

    def line_weights(self, history: History) -> Floats:
        """Return 1 / the counted orders for the lines of the last orders, else 0."""  # (lines,)
        age = history.order_ages()
        oldest = np.zeros(history.customers_total, np.int64)
        np.maximum.at(oldest, history.customers, age)
        counted = np.minimum(oldest[history.customers] + 1, self.last_orders)
        return np.where(age < self.last_orders, 1 / counted, 0).astype(np.float32)
