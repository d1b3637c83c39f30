"""Candidates pooled from all base models, with every proposer's score.

Own items are the most likely repeat purchases; unseen items are the best of each proposer, and the
best of the rare ones, which proposers do not score.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from training.dataset.customer_items import CustomerItems
from training.dataset.history import Flags, Floats, Rows
from training.dataset.segments import NOTHING, distinct, run_lengths, run_starts
from training.metrics.model import Family
from training.ranking.top_k import best_columns
from training.recommenders.protocol import Fitted
from training.recommenders.rare_items import greatest
from training.recommenders.registry import BASE_MODELS, RARE_ITEMS_AS, FittedBaseModels

_SCORE_BYTES = 25_000_000  # of the dense scores of a block; larger blocks are slower


@dataclass(frozen=True, slots=True)
class PoolSize:
    """The most items that each source adds to a customer's pool."""

    own: int = 150
    proposed: int = 60
    popular: int = 40
    rare: int = 20

    def of(self, name: str) -> int:
        return self.popular if BASE_MODELS[name].family is Family.POPULARITY else self.proposed


@dataclass(frozen=True, slots=True)
class Pool:
    """Candidates sorted by customer, then item."""

    customers: Rows  # (rows,)
    items: Rows  # (rows,)
    places: Rows  # (rows,) positions in the customer-item pairs, −1 for unseen items
    scores: Floats  # (rows, proposers)

    @property
    def owned(self) -> Flags:
        return np.asarray(self.places >= 0)

    def only(self, kept: Flags) -> "Pool":
        return Pool(self.customers[kept], self.items[kept], self.places[kept], self.scores[kept])


def pool_candidates(base_models: FittedBaseModels, customers: Rows, size: PoolSize) -> Pool:
    """Pool the candidates of some customers, given in ascending order."""
    customer_items = base_models.training_data.customer_items
    scores = {name: model.score(customers) for name, model in base_models.proposers.items()}
    keys = [_own_best(customer_items, base_models.personal["rhythm"].own.data, customers, size.own)]
    for name, model in base_models.proposers.items():
        keys.append(_best_unseen(customer_items, customers, model, scores[name], size.of(name)))
    votes = None if base_models.rare is None else base_models.rare.score(customers)
    if base_models.rare is not None and votes is not None:
        keys.append(_rare_keys(customer_items, customers, base_models.rare.items, votes, size.rare))
    key = distinct(np.concatenate(keys))
    owners, items = key // customer_items.items_total, key % customer_items.items_total
    rows = np.searchsorted(customers, owners)
    found = _scores_at(base_models.proposers, scores, rows, items)
    if base_models.rare is not None and votes is not None:
        column = list(base_models.proposers).index(RARE_ITEMS_AS)
        found[:, column] += _votes_at(votes, rows, base_models.rare.items, items)
    return Pool(owners, items, customer_items.find(owners, items), found)


def blocks(base_models: FittedBaseModels, customers: Rows) -> list[Rows]:
    """Split customers into blocks with few enough dense scores."""
    columns = sum(len(model.items) for model in base_models.proposers.values())
    size = int(np.clip(_SCORE_BYTES // (4 * max(columns, 1)), 16, 1024))
    return [customers[start : start + size] for start in range(0, len(customers), size)]


def _own_best(customer_items: CustomerItems, values: Floats, customers: Rows, limit: int) -> Rows:
    """Return the keys of each customer's `limit` own items with the greatest values."""
    places = customer_items.places_of(customers)
    owners = customer_items.customers[places]
    order = np.lexsort((-values[places], owners))
    starts, lengths = run_starts(owners), run_lengths(owners)
    place = np.arange(len(places)) - np.repeat(starts, lengths)
    return customer_items.keys[places[order][place < limit]]


def _best_unseen(
    customer_items: CustomerItems, customers: Rows, model: Fitted, scores: Floats, k: int
) -> Rows:
    """Return the keys of each customer's k best unseen items with scores above 0."""
    places = customer_items.places_of(customers)
    columns = np.searchsorted(model.items, customer_items.items[places])
    columns = np.minimum(columns, len(model.items) - 1)
    inside = model.items[columns] == customer_items.items[places]
    rows = np.searchsorted(customers, customer_items.customers[places])
    own = rows[inside], columns[inside]
    held = scores[own]
    scores[own] = 0
    top = best_columns(scores, None, k)
    scores[own] = held
    row, place = np.nonzero((top.columns != NOTHING) & (top.scores > 0))
    return customers[row] * customer_items.items_total + model.items[top.columns[row, place]]


def _rare_keys(
    customer_items: CustomerItems, customers: Rows, rare: Rows, votes: sparse.csr_array, k: int
) -> Rows:
    """Return the keys of each customer's k best rare items, unseen ones only."""
    entries = votes.tocoo()
    rows, columns = (each.astype(np.int64) for each in entries.coords)
    unseen = customer_items.find(customers[rows], rare[columns]) < 0
    best = greatest(rows, columns, np.where(unseen, entries.data, 0), k)
    return np.asarray(customers[rows[best]] * customer_items.items_total + rare[columns[best]])


def _votes_at(votes: sparse.csr_array, rows: Rows, rare: Rows, items: Rows) -> Floats:
    """Return the votes for each candidate; 0 for an item that is not rare."""
    found = np.zeros(len(items), np.float32)
    at = np.minimum(np.searchsorted(rare, items), len(rare) - 1)
    inside = rare[at] == items
    if inside.any():  # scipy returns a sparse array for an empty index
        found[inside] = votes[rows[inside], at[inside]]
    return found


def _scores_at(
    models: Mapping[str, Fitted], scores: Mapping[str, Floats], rows: Rows, items: Rows
) -> Floats:
    """Return every model's score of each candidate; 0 for an item outside the model."""
    found = np.zeros((len(items), len(models)), np.float32)
    for column, (name, model) in enumerate(models.items()):
        at = np.minimum(np.searchsorted(model.items, items), len(model.items) - 1)
        known = model.items[at] == items
        found[known, column] = scores[name][rows[known], at[known]]
    return found
