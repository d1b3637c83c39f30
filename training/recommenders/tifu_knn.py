"""TIFU-KNN (Hu et al. 2020, "Modeling Personalized Item Frequency Information for Next-basket
Recommendation").

A customer's vector sums orders with one decay within a group of orders and another over groups.
The score mixes it with the mean vector of the nearest customers (cosine).
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from training.dataset.history import Floats, History, Rows
from training.dataset.training_data import TrainingData
from training.recommenders.peers import latest_customers, nearest
from training.recommenders.sparse_products import add_rows, dense_product


@dataclass(frozen=True, slots=True)
class FittedTifuKnn:
    items: Rows  # (columns,)
    vectors: sparse.csr_array  # customers × columns
    directions: sparse.csr_array  # customers × columns, rows of length 1
    peers: Rows  # customers who may be neighbours
    peer_vectors: sparse.csr_array  # peers × columns
    peer_directions: sparse.csr_array  # columns × peers
    neighbours: int
    own_share: float

    def score(self, customers: Rows) -> Floats:
        scores = dense_product(self.nearest(customers), self.peer_vectors)
        scores *= np.float32(1 - self.own_share)
        add_rows(scores, self.own_share * self.vectors[customers])
        return scores

    def nearest(self, customers: Rows) -> sparse.csr_array:
        """Return weights of the nearest peers; each row sums to 1."""
        alike = dense_product(self.directions[customers], self.peer_directions)
        if not alike.size:
            return sparse.csr_array(alike)
        alike[customers[:, None] == self.peers[None, :]] = 0
        alike = nearest(alike, self.neighbours)
        total = alike.sum(axis=1, keepdims=True)
        alike /= np.where(total > 0, total, 1)
        return sparse.csr_array(alike)


@dataclass(frozen=True, slots=True)
class TifuKnn:
    group_size: int = 7
    within_decay: float = 0.9
    group_decay: float = 0.7
    neighbours: int = 120
    own_share: float = 0.7
    peer_limit: int = 6000  # the most recently active customers

    def fit(self, training_data: TrainingData) -> FittedTifuKnn:
        weights = training_data.customer_items.add_up(self.line_weights(training_data.history))
        vectors = training_data.customer_items.matrix(weights)[:, training_data.head]
        length = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
        directions = vectors.copy()
        directions.data /= np.repeat(np.maximum(length, 1e-9), np.diff(vectors.indptr))
        peers = latest_customers(training_data.history, self.peer_limit)
        return FittedTifuKnn(
            items=training_data.head,
            vectors=vectors,
            directions=directions,
            peers=peers,
            peer_vectors=vectors[peers],
            peer_directions=directions[peers].T.tocsr(),
            neighbours=self.neighbours,
            own_share=self.own_share,
        )

    def line_weights(self, history: History) -> Floats:
        """Decay over positions in a group and over groups, then average over groups."""  # (lines,)
        age = history.order_ages()
        oldest = np.zeros(history.customers_total, np.int64)
        np.maximum.at(oldest, history.customers, age)
        orders = oldest[history.customers] + 1
        groups = (orders - 1) // self.group_size + 1
        within, group = age % self.group_size, age // self.group_size
        weight = self.within_decay**within * self.group_decay**group
        return (weight / (groups * np.minimum(orders, self.group_size))).astype(np.float32)
