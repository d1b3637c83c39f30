"""Scores of item pairs that share orders, to be summed over a basket's items.

Each score is c(a,b) / (c(a) + shrinkage)^own / (c(b) + shrinkage)^other, to a power, where c counts
orders: cosine is own = other = ½ without shrinkage, lift own = other = 1. A power above 1 gives
strong pairs more weight in the sum.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import sparse

from training.dataset.history import Floats, Rows
from training.item_slates.order_pairs import OrderPairs, Orders
from training.recommenders.inverse import symmetric_inverse
from training.recommenders.sparse_products import dense_product

_TINY = 1e-6  # share of the cosine that ranks pairs to which EASE gives no weight


class PairScorer(Protocol):
    def scores(self, pairs: OrderPairs, orders: Orders) -> Floats:
        """Return the score of each pair; 0 or below is no neighbour."""  # (pairs,)
        ...


@dataclass(frozen=True, slots=True)
class Association:
    own: float
    other: float
    shrinkage: float = 0.0
    power: float = 1.0

    def scores(self, pairs: OrderPairs, orders: Orders) -> Floats:
        del orders
        counts = np.maximum(pairs.counts + np.float32(self.shrinkage), 1)
        found: Floats = (counts**self.own)[pairs.rows]
        found *= (counts**self.other)[pairs.partners]
        np.divide(pairs.together, found, out=found)
        return found if self.power == 1 else found**self.power


COSINE = Association(own=0.5, other=0.5)


@dataclass(frozen=True, slots=True)
class OrderEase:
    """EASE (Steck 2019) on orders instead of customers, for the most ordered items.

    Counts are divided by a power of both items' counts, `scaling`: 0 is EASE as published, 1 its
    cosines; the ridge relates to the mean count. Only weights of the given pairs are returned.
    """

    ridge: float
    power: float = 1.0
    scaling: float = 0.5
    most_items: int = 3000

    def scores(self, pairs: OrderPairs, orders: Orders) -> Floats:
        kept = np.sort(np.argsort(-pairs.counts, kind="stable")[: self.most_items])
        weights = self.weights(orders, kept)
        place = np.full(len(pairs.counts), -1, np.int32)
        place[kept] = np.arange(len(kept))
        left, right = place[pairs.rows], place[pairs.partners]
        inside = (left >= 0) & (right >= 0)
        found = _TINY * COSINE.scores(pairs, orders)
        found[inside] += np.maximum(weights[left[inside], right[inside]], 0) ** self.power
        return found

    def weights(self, orders: Orders, items: Rows) -> Floats:
        """Return the weight of each row's item for each column's, 0 on the diagonal."""
        chosen = orders.matrix[:, items]
        gram = dense_product(sparse.csr_array(chosen.T), chosen)
        counts = gram.diagonal() + np.float32(1)
        scale: Floats = counts ** np.float32(-self.scaling / 2)
        gram *= scale[:, None]
        gram *= scale
        level = self.ridge / max(float(counts.mean()) if len(items) else 1.0, 1.0) ** self.scaling
        gram[np.diag_indices(len(items))] += np.float32(level)
        inverse = symmetric_inverse(gram)
        weights: Floats = -inverse / inverse.diagonal()
        weights *= scale[:, None]
        weights /= scale
        np.fill_diagonal(weights, 0)
        return weights


@dataclass(frozen=True, slots=True)
class Mixture:
    """The sum of two scores, each divided by its mean over all pairs; `weight` is the second's."""

    first: PairScorer
    second: PairScorer
    weight: float

    def scores(self, pairs: OrderPairs, orders: Orders) -> Floats:
        return self.mixed(self.first.scores(pairs, orders), self.second.scores(pairs, orders))

    def mixed(self, first: Floats, second: Floats) -> Floats:
        return _levelled(first) + np.float32(self.weight) * _levelled(second)


def _levelled(scores: Floats) -> Floats:
    level = float(scores.mean()) if len(scores) else 1.0
    return scores / np.float32(level or 1.0)
