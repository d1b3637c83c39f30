"""Trending: what sells more now than its past made one expect."""

from dataclasses import dataclass

import numpy as np

from training.interactions import Floats, Interactions
from training.recommenders.popularity import FittedPopularity


@dataclass(frozen=True, slots=True)
class Trending:
    """Compares buyers in the last `window_days` with the item's share in earlier windows.

    The score is the surplus over its spread, (now − expected) / √(expected + prior): some
    sales more of a rare item are no trend. Without timestamps nothing trends.
    """

    window_days: float = 14.0
    prior: float = 5.0

    def fit(self, interactions: Interactions) -> FittedPopularity:
        windows = (interactions.ages / self.window_days).astype(np.int64)  # 0 is now
        recent = (windows == 0) & interactions.timed
        now = buyers(interactions.only(recent), windows[recent])
        before = buyers(interactions.only(~recent), windows[~recent])
        expected = before * (now.sum() / max(float(before.sum()), 1.0))
        surplus = (now - expected) / np.sqrt(expected + self.prior)
        return FittedPopularity(surplus.astype(np.float32))


def buyers(interactions: Interactions, windows: np.typing.NDArray[np.int64]) -> Floats:
    """Count each item's customers, once per window: a loyal one counts as often as a new one."""
    customers, items = interactions.shape
    pairs = windows * customers + interactions.customers
    distinct = np.unique(pairs * items + interactions.items) % max(items, 1)
    return np.bincount(distinct, minlength=items).astype(np.float32)
