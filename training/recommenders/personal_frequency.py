"""Personal frequency: a customer's orders of each item, older orders weighing less."""

from dataclasses import dataclass
from math import inf

import numpy as np
from scipy import sparse

from training.dataset.history import Floats, Rows, decay
from training.dataset.training_data import TrainingData

# Keeps old purchases above zero: a weight of 0 would mean that the item was never bought.
_LEAST_WEIGHT = 1e-6


@dataclass(frozen=True, slots=True)
class OwnScores:
    """Scores of own items only; 0 for items that the customer has not bought."""

    items: Rows  # every item
    own: sparse.csr_array  # customers × items, one value per pair of the history

    def score(self, customers: Rows) -> Floats:
        scores: Floats = self.own[customers].toarray()
        return scores


@dataclass(frozen=True, slots=True)
class PersonalFrequency:
    """Sums the customer's orders of an item, each halved with every half-life."""

    half_life_days: float = inf

    def fit(self, training_data: TrainingData) -> OwnScores:
        weights = np.maximum(
            decay(training_data.history.ages(), self.half_life_days), _LEAST_WEIGHT
        )
        own = training_data.customer_items.matrix(training_data.customer_items.add_up(weights))
        return OwnScores(np.arange(training_data.history.items_total), own)
