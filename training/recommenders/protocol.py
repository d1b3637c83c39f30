"""The recommender protocol: `fit` learns from training data and returns an immutable model.

A score is one customer's interest in one item. Only the order within a customer's row has a
meaning; every score is finite, and 0 means unknown. A model excludes no items: slates do.
"""

from typing import Protocol

from training.dataset.history import Floats, Rows
from training.dataset.training_data import TrainingData


class Fitted(Protocol):
    """Immutable; `score` may be called repeatedly, for any customers."""

    @property
    def items(self) -> Rows:
        """Return the item rows of the score columns, ascending. All other items have score 0."""

    def score(self, customers: Rows) -> Floats:
        """Score the items for customer rows: float32 (len(customers), len(items))."""


class Recommender(Protocol):
    def fit(self, training_data: TrainingData) -> Fitted: ...
