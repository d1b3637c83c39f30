"""The input of recommenders: a history, its customer-item pairs and the items to score."""

from dataclasses import dataclass

import numpy as np

from training.dataset.customer_items import CustomerItems, customer_items_of
from training.dataset.history import History, Rows

HEAD_LIMIT = 20_000  # the most items of the head
_SMALL_CATALOGUE = 5_000  # below this even an item with one buyer is scored


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Recommenders score the items of the head for every customer, in dense rows.

    Dense rows limit the head: their cost grows with its items. The rare items are scored in sparse
    rows only, by `RareItemNeighbours`.
    """

    history: History
    customer_items: CustomerItems
    head: Rows  # item rows of most buyers, ascending
    rare: Rows  # item rows beyond the head, ascending


def training_data_of(history: History, head_limit: int = HEAD_LIMIT) -> TrainingData:
    """Split the bought items into head and rare ones; in a large catalogue, items of one buyer are
    neither.
    """
    customer_items = customer_items_of(history)
    buyers = customer_items.buyers
    best = np.argsort(-buyers, kind="stable")[: np.count_nonzero(buyers)]
    least = 1 if len(best) <= _SMALL_CATALOGUE else 2
    enough = best[buyers[best] >= least]
    enough = enough if len(enough) else best
    head, rare = np.sort(enough[:head_limit]), np.sort(enough[head_limit:])
    return TrainingData(history, customer_items, head, rare)
