"""k-anonymity of anonymous lists: items and pairs of items need `k_anonymity` distinct customers.

An anonymous list shows no item that fewer customers bought and no pair that fewer customers bought
together, so it reveals no single customer's purchases. Lists of a customer may show the customer's
own items and are not checked here.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from training.dataset.history import Flags, Floats
from training.dataset.segments import NOTHING
from training.dataset.training_data import TrainingData
from training.recommenders.neighbour_lists import BLOCK, NeighbourLists
from training.recommenders.sparse_products import dense_product
from training.settings import TrainingSettings

_SPARE = 2  # times as many neighbours are computed, so that lists stay long


@dataclass(frozen=True, slots=True)
class KAnonymousLists:
    """Lists of pairs with enough customers, and the number of listed pairs that were removed."""

    lists: NeighbourLists
    left_out: int


def has_enough_buyers(training_data: TrainingData, least: int) -> Flags:
    """Mark the items with enough customers."""  # (items_total,)
    return np.asarray(training_data.customer_items.buyers >= least)


def similar_lists(training_data: TrainingData, settings: TrainingSettings) -> KAnonymousLists:
    """Return each head item's similar items, limited to pairs that enough customers bought."""
    model, least = settings.similar, settings.k_anonymity
    if least <= 1:
        return KAnonymousLists(model.lists(training_data.customer_items, training_data.head), 0)
    wide = replace(model, neighbours=_SPARE * model.neighbours).lists(
        training_data.customer_items, training_data.head
    )
    bought = training_data.customer_items.matrix(
        np.ones(len(training_data.customer_items), np.float32)
    )[:, training_data.head]
    return _k_anonymous(
        wide, _shared_rows(sparse.csc_array(bought), wide) >= least, model.neighbours
    )


def _k_anonymous(lists: NeighbourLists, enough: Flags, most: int) -> KAnonymousLists:
    """Keep the closest pairs with enough customers, and count the removed ones."""
    kept = lists.listed & enough
    order = np.argsort(~kept, axis=1, kind="stable")[:, :most]
    stays = np.take_along_axis(kept, order, axis=1)
    columns = np.where(stays, np.take_along_axis(lists.columns, order, axis=1), NOTHING)
    scores = np.where(stays, np.take_along_axis(lists.scores, order, axis=1), np.float32(0))
    left_out = int((lists.listed & ~enough)[:, :most].sum())
    return KAnonymousLists(NeighbourLists(columns, scores), left_out)


def _shared_rows(held: sparse.csc_array, lists: NeighbourLists) -> Floats:
    """Count the rows that contain both items of each listed pair."""  # (columns, k)
    by_row = sparse.csr_array(held)
    counts = np.zeros(lists.columns.shape, np.float32)
    for start in range(0, len(counts), BLOCK):
        products = dense_product(held[:, start : start + BLOCK].T, by_row)
        listed = np.maximum(lists.columns[start : start + BLOCK], 0)
        counts[start : start + BLOCK] = np.take_along_axis(products, listed, axis=1)
    return counts * lists.listed
