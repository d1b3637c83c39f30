"""Popularity: in how many orders an item was, recent ones counting more; the same for everybody."""

from dataclasses import dataclass

import numpy as np

from training.interactions import Floats, Interactions, Rows
from training.recommenders.decay import recency


@dataclass(frozen=True, slots=True)
class FittedPopularity:
    item_scores: Floats  # (items,)

    def score(self, customers: Rows) -> Floats:
        return np.tile(self.item_scores, (len(customers), 1))


@dataclass(frozen=True, slots=True)
class Popularity:
    """A `half_life_days` of months ranks by the long run; one of days, by what sells now."""

    half_life_days: float

    def fit(self, interactions: Interactions) -> FittedPopularity:
        weights = recency(interactions, self.half_life_days)
        counts = np.bincount(interactions.items, weights, minlength=interactions.shape[1])
        return FittedPopularity(counts.astype(np.float32))
