"""A history made ready to learn from: its pairs, and the items that are worth scoring."""

from dataclasses import dataclass

import numpy as np

from training.dataset.customer_items import CustomerItems, pairs_of
from training.dataset.history import History, Rows

_HEAD_LIMIT = 20_000  # items that a recommender scores at most; the rest has score 0
_SMALL_CATALOGUE = 5_000  # below this even an item with one buyer is scored


@dataclass(frozen=True, slots=True)
class TrainingData:
    history: History
    pairs: CustomerItems
    head: Rows  # item rows of most buyers, ascending


def past_of(history: History) -> TrainingData:
    pairs = pairs_of(history)
    return TrainingData(history, pairs, _head_of(pairs))


def _head_of(pairs: CustomerItems, limit: int = _HEAD_LIMIT) -> Rows:
    buyers = pairs.buyers
    best = np.argsort(-buyers, kind="stable")[:limit]
    least = 1 if pairs.items_total <= _SMALL_CATALOGUE else 2
    enough = best[buyers[best] >= least]
    return np.sort(enough if len(enough) else best[buyers[best] > 0])
