"""Adoption: popularity among first purchases only, for what is new to most customers."""

from dataclasses import dataclass

import numpy as np

from training.dataset.customer_items import CustomerItems
from training.dataset.history import Floats, History
from training.dataset.training_data import TrainingData
from training.recommenders.popularity import SameForAll, best_of

_PRIOR = 10.0  # customers who would not have bought it


@dataclass(frozen=True, slots=True)
class Adoption:
    window_days: float

    def fit(self, past: TrainingData) -> SameForAll:
        rates = adoption_rate(past.history, past.pairs, self.window_days)
        return best_of(rates, past.head)


def adoption_rate(history: History, pairs: CustomerItems, window_days: float) -> Floats:
    """Divide new buyers in the window by the active customers who had not bought the item yet."""
    size = history.items_total
    fresh = history.days[pairs.first_lines] >= history.now - window_days
    active = np.zeros(history.customers_total, dtype=bool)
    active[history.customers[history.ages() <= window_days]] = True
    owners = np.bincount(pairs.items[~fresh & active[pairs.customers]], minlength=size)
    adopters = np.bincount(pairs.items[fresh], minlength=size)
    others = np.maximum(active.sum() - owners, 0)
    return np.asarray(adopters / (others + _PRIOR), dtype=np.float32)
