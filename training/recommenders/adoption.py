"""Adoption: popularity among first purchases only, for items that are new to most customers."""

from dataclasses import dataclass

import numpy as np

from training.dataset.customer_items import CustomerItems
from training.dataset.history import Floats, History
from training.dataset.training_data import TrainingData
from training.recommenders.popularity import SameForAll, best_of

_PRIOR = 10.0  # customers without a purchase, added to each rate


@dataclass(frozen=True, slots=True)
class Adoption:
    window_days: float

    def fit(self, training_data: TrainingData) -> SameForAll:
        rates = adoption_rate(training_data.history, training_data.customer_items, self.window_days)
        return best_of(rates, training_data.head)


def adoption_rate(history: History, customer_items: CustomerItems, window_days: float) -> Floats:
    """Divide the new buyers in the window by the active customers without an earlier purchase."""
    size = history.items_total
    fresh = history.days[customer_items.first_lines] >= history.now - window_days
    active = np.zeros(history.customers_total, dtype=bool)
    active[history.customers[history.ages() <= window_days]] = True
    owners = np.bincount(
        customer_items.items[~fresh & active[customer_items.customers]], minlength=size
    )
    adopters = np.bincount(customer_items.items[fresh], minlength=size)
    others = np.maximum(active.sum() - owners, 0)
    return np.asarray(adopters / (others + _PRIOR), dtype=np.float32)
