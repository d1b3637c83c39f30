"""Repeat purchases: what a customer has ordered often and lately. Says nothing of other items."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from training.interactions import Floats, Interactions, Rows
from training.recommenders.decay import recency


@dataclass(frozen=True, slots=True)
class FittedRepeatPurchase:
    own: sparse.csr_array  # customers × items

    def score(self, customers: Rows) -> Floats:
        return self.own[customers].toarray()


@dataclass(frozen=True, slots=True)
class RepeatPurchase:
    """Sums the customer's orders of the item, each halved with every `half_life_days`."""

    half_life_days: float = 90.0

    def fit(self, interactions: Interactions) -> FittedRepeatPurchase:
        weights = recency(interactions, self.half_life_days)
        # What is far past would round to zero and be forgotten as if it had never been bought.
        return FittedRepeatPurchase(interactions.matrix(np.maximum(weights, 1e-6)))
