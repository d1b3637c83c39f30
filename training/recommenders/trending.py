"""Trending: items that sell more now than expected from their past."""

from dataclasses import dataclass

import numpy as np

from training.dataset.history import Floats, History, Rows
from training.dataset.segments import distinct
from training.dataset.training_data import TrainingData
from training.recommenders.popularity import SameForAll


@dataclass(frozen=True, slots=True)
class Trending:
    """Compares buyers in the last `window_days` with the item's share in earlier windows.

    The score is the surplus over its spread, (now − expected) / √(expected + prior), so a few more
    sales of a rare item are no trend. Without timestamps all scores are 0.
    """

    window_days: float = 14.0
    prior: float = 5.0

    def fit(self, training_data: TrainingData) -> SameForAll:
        history = training_data.history
        windows = (history.ages() / self.window_days).astype(np.int64)  # 0 is now
        recent = (windows == 0) & history.timed
        now = _buyers(history, windows, recent)
        before = _buyers(history, windows, ~recent)
        expected = before * (now.sum() / max(float(before.sum()), 1.0))
        surplus = (now - expected) / np.sqrt(expected + self.prior)
        return SameForAll(np.arange(history.items_total), surplus.astype(np.float32))


def _buyers(history: History, windows: Rows, counted: np.typing.NDArray[np.bool_]) -> Floats:
    """Count each item's distinct customers per window; returning and new customers count alike."""
    customers, items = history.shape
    pairs = windows[counted] * customers + history.customers[counted]
    found = distinct(pairs * items + history.items[counted]) % max(items, 1)
    return np.bincount(found, minlength=items).astype(np.float32)
