"""Popularity: the share of active customers who bought an item recently, equal for all."""

from dataclasses import dataclass
from math import inf

import numpy as np

from training.dataset.history import Floats, History, Rows
from training.dataset.segments import distinct
from training.dataset.training_data import TrainingData

_LISTED = 2_000  # the most items with a score


@dataclass(frozen=True, slots=True)
class SameForAll:
    items: Rows  # (columns,)
    values: Floats  # (columns,)

    def score(self, customers: Rows) -> Floats:
        return np.tile(self.values, (len(customers), 1))


@dataclass(frozen=True, slots=True)
class Popularity:
    """Counts the last `window_days`: the whole history by default."""

    window_days: float = inf

    def fit(self, training_data: TrainingData) -> SameForAll:
        return best_of(
            buyer_share(training_data.history, 0.0, self.window_days), training_data.head
        )


def best_of(values: Floats, head: Rows) -> SameForAll:
    """Keep the greatest values of the head."""
    kept = np.sort(head[np.argsort(-values[head], kind="stable")[:_LISTED]])
    return SameForAll(kept, values[kept])


def buyer_share(history: History, least_age: float, most_age: float) -> Floats:
    """Divide each item's buyers at an age in (least, most] by the customers active then.

    A `least_age` of 0 includes the present.
    """  # (items_total,)
    ages = history.ages()
    inside = (ages <= most_age) & ((ages > least_age) | (least_age == 0))
    buyers = distinct(history.customers[inside] * history.items_total + history.items[inside])
    active = max(len(distinct(history.customers[inside])), 1)
    counts = np.bincount(buyers % max(history.items_total, 1), minlength=history.items_total)
    return (counts / active).astype(np.float32)
