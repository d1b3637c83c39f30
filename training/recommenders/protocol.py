"""What a recommender is: `fit` learns from interactions and returns something that never changes.

A score says how much one customer may want one item; only the order within a row means
anything, and every score is finite. Nothing is left out: what a slate must not show is its
business.
"""

from typing import Protocol

import numpy as np

from training.interactions import Floats, Interactions, Rows

# Customers × items scored at once, 16 MB of float32. Larger blocks are slower: the allocator
# gives them back to the system each time and takes them anew.
BLOCK_CELLS = 1 << 22


class FittedRecommender(Protocol):
    """Immutable. `score` may be called any number of times, for any customers."""

    def score(self, customers: Rows) -> Floats:
        """Score every item for some customer rows: float32 (len(customers), items)."""


class Recommender(Protocol):
    def fit(self, interactions: Interactions) -> FittedRecommender: ...


def blocks(customers: Rows, items: int) -> list[Rows]:
    """Split customer rows so that a block of scores stays small whatever the catalogue's size."""
    size = int(np.clip(BLOCK_CELLS // max(items, 1), 1, 1024))
    return [customers[start : start + size] for start in range(0, len(customers), size)]
