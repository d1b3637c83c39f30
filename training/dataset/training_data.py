"""The input of recommenders: a history, its customer-item pairs and the items to score."""

from dataclasses import dataclass

import numpy as np

from training.dataset.customer_items import CustomerItems, customer_items_of
from training.dataset.history import History, Rows

_HEAD_LIMIT = 20_000  # the most items that a recommender scores; the others have score 0
_SMALL_CATALOGUE = 5_000  # below this even an item with one buyer is scored


@dataclass(frozen=True, slots=True)
class TrainingData:
    history: History
    customer_items: CustomerItems
    head: Rows  # item rows of most buyers, ascending


def training_data_of(history: History) -> TrainingData:
    customer_items = customer_items_of(history)
    return TrainingData(history, customer_items, _head_of(customer_items))


def _head_of(customer_items: CustomerItems, limit: int = _HEAD_LIMIT) -> Rows:
    buyers = customer_items.buyers
    best = np.argsort(-buyers, kind="stable")[:limit]
    least = 1 if np.count_nonzero(buyers) <= _SMALL_CATALOGUE else 2
    enough = best[buyers[best] >= least]
    return np.sort(enough if len(enough) else best[buyers[best] > 0])
