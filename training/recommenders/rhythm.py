"""Rhythm: the probability that a customer buys an own item again within the horizon.

Estimated from the history: one horizon ago each customer-item pair was in a cell by its number of
orders, its age in horizons, and its age in its own intervals (just bought, due, given up). A
cell's probability is its share of pairs that were bought again since.
"""

from dataclasses import dataclass

import numpy as np

from training.dataset.customer_items import CustomerItems, customer_items_of
from training.dataset.history import Floats, History, Rows
from training.dataset.training_data import TrainingData
from training.recommenders.personal_frequency import OwnScores

_COUNTS = (2, 3, 4, 6, 9, 14)
_AGES = (0.1, 0.25, 0.5, 1, 1.5, 2, 3, 4.5, 7)  # horizons since the last purchase
_DUE = (0.25, 0.5, 0.8, 1.2, 1.8, 2.7, 4, 7)  # intervals since the last purchase
_CELLS = (len(_COUNTS) + 1, len(_AGES) + 1, len(_DUE) + 1)
_CELL_PRIOR = 20.0  # pairs, at the mean probability of their count
_ITEM_PRIOR = 20.0  # customers, at the mean repeat rate
_GAP_PRIOR = 10.0  # intervals, at the shop's mean


@dataclass(frozen=True, slots=True)
class Rhythm:
    horizon_days: float

    def fit(self, training_data: TrainingData) -> OwnScores:
        history, customer_items = training_data.history, training_data.customer_items
        chances = self.chance_by_cell(history)[self.cells(history, customer_items)]
        values = (chances * _item_factor(customer_items)).astype(np.float32)
        return OwnScores(np.arange(history.items_total), customer_items.matrix(values))

    def chance_by_cell(self, history: History) -> Floats:
        """Return each cell's probability, shrunk towards that of all pairs with the same count."""
        cutoff = history.now - self.horizon_days
        before = history.before(cutoff)
        known = customer_items_of(before)
        later = customer_items_of(history.between(cutoff, history.now))
        size, per_count = int(np.prod(_CELLS)), _CELLS[1] * _CELLS[2]
        if not len(known):
            return np.linspace(0.1, 0.11, size, dtype=np.float32)  # rises with the count
        returned = later.find(known.customers, known.items) >= 0
        cell = self.cells(before, known)
        by_count = np.bincount(cell // per_count, returned, _CELLS[0])
        pairs_of_count = np.bincount(cell // per_count, minlength=_CELLS[0])
        mean = (by_count / np.maximum(pairs_of_count, 1))[_nearest_filled(pairs_of_count)]
        total = np.bincount(cell, minlength=size) + _CELL_PRIOR
        prior = _CELL_PRIOR * np.repeat(mean, per_count)
        return ((np.bincount(cell, returned, size) + prior) / total).astype(np.float32)

    def cells(self, history: History, customer_items: CustomerItems) -> Rows:
        """Return each pair's cell number."""  # (pairs,)
        interval, since = intervals(history, customer_items)
        parts = (
            np.digitize(customer_items.counts, _COUNTS),
            np.digitize(since / self.horizon_days, _AGES),
            np.digitize(since / interval, _DUE),
        )
        return np.ravel_multi_index(parts, _CELLS)


def _nearest_filled(sizes: Rows) -> Rows:
    """Return each position, or the next lower (else the lowest) position with any pair."""
    places = np.where(sizes > 0, np.arange(len(sizes)), 0)
    return np.maximum(np.maximum.accumulate(places), int(np.argmax(sizes > 0)))


def intervals(history: History, customer_items: CustomerItems) -> tuple[Floats, Floats]:
    """Return the days between the purchases of each pair, and the days since the last one.

    An interval is shrunk towards the item's own, and that towards the shop's.
    """  # (pairs,), (pairs,)
    if not len(customer_items):
        return np.zeros(0, np.float32), np.zeros(0, np.float32)
    first, last = history.days[customer_items.first_lines], history.days[customer_items.last_lines]
    gaps, span = customer_items.counts - 1, last - first
    whole = history.now - history.days.min()
    shop = max(float(span.sum() / gaps.sum() if gaps.sum() else whole), 1e-3)
    of_item = (
        np.bincount(customer_items.items, span, customer_items.items_total) + _GAP_PRIOR * shop
    )
    of_item /= np.bincount(customer_items.items, gaps, customer_items.items_total) + _GAP_PRIOR
    interval = (span + of_item[customer_items.items]) / (gaps + 1)
    return interval.astype(np.float32), (history.now - last).astype(np.float32)


def _item_factor(customer_items: CustomerItems) -> Floats:
    """Return each pair's repeat rate of its item relative to the average item."""  # (pairs,)
    again = np.bincount(customer_items.items, customer_items.counts > 1, customer_items.items_total)
    mean = max(float(again.sum()) / max(len(customer_items), 1), 1e-6)
    rate = (again + _ITEM_PRIOR * mean) / (customer_items.buyers + _ITEM_PRIOR)
    return np.sqrt(rate / mean)[customer_items.items].astype(np.float32)
