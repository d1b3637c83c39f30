"""A history made ready to learn from: its pairs, and the items that are worth scoring."""

from dataclasses import dataclass

import numpy as np

from training.dataset.customer_items import CustomerItems, pairs_of
from training.dataset.history import History, Rows

HEAD_LIMIT = 20_000  # items that a recommender scores at most; the rest has score 0
SMALL_CATALOGUE = 5_000  # below this even an item with one buyer is scored


@dataclass(frozen=True, slots=True)
class TrainingData:
    history: History
    pairs: CustomerItems
    head: Rows  # item rows of most buyers, ascending


def past_of(history: History) -> TrainingData:
    pairs = pairs_of(history)
    return TrainingData(history, pairs, head_of(pairs))


def head_of(pairs: CustomerItems, limit: int = HEAD_LIMIT) -> Rows:
    buyers = pairs.buyers
    best = np.argsort(-buyers, kind="stable")[:limit]
    least = 1 if pairs.items_total <= SMALL_CATALOGUE else 2
    enough = best[buyers[best] >= least]
    return np.sort(enough if len(enough) else best[buyers[best] > 0])
