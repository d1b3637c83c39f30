"""What a recommender is: `fit` learns from a history and returns something that never changes.

A score says how much one customer may want one item; only the order within a row means
anything, every score is finite, and 0 says that nothing is known. Nothing is left out: what a
slate must not show is its business.
"""

from typing import Protocol

from training.dataset.history import Floats, Rows
from training.dataset.training_data import TrainingData


class Fitted(Protocol):
    """Immutable. `score` may be called any number of times, for any customers."""

    @property
    def items(self) -> Rows:
        """Item rows in ascending order, one per column of scores; all others have score 0."""

    def score(self, customers: Rows) -> Floats:
        """Score for some customer rows: float32 (len(customers), len(items))."""


class Recommender(Protocol):
    def fit(self, training_data: TrainingData) -> Fitted: ...
