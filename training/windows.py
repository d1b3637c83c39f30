"""Rolling windows of the past: a cut, and what was bought in the horizon after it."""

from dataclasses import dataclass

import numpy as np

from training.history import History, Rows
from training.pairs import pairs_of
from training.truth import Truths, truths_of
from training.untimed import UNTIMED_HORIZON_DAYS

LEAST_SHARE = 0.15  # of all lines must lie before a window, or there is nothing to learn from
MOST_OF_HISTORY = 0.25  # a window may be at most this part of all the time there is


@dataclass(frozen=True, slots=True)
class Window:
    """Known: days before `start`. To be predicted: days in [start, end)."""

    start: float
    end: float

    def known(self, history: History) -> History:
        return history.before(self.start)

    def truths(self, history: History) -> Truths:
        later = history.between(self.start, self.end)
        return truths_of(pairs_of(self.known(history)), later.customers, later.items)


def window_days(history: History, wanted: float) -> float:
    """Return the horizon, shortened where the history is too short for several of it.

    Without timestamps there are no days to be told, only shares of each customer's orders.
    """
    if not history.timed:
        return UNTIMED_HORIZON_DAYS
    if not len(history.days):
        return wanted
    span = history.now - float(np.floor(history.days.min()))
    return min(wanted, span * MOST_OF_HISTORY)


def rolling_windows(history: History, horizon_days: float, wanted: int) -> list[Window]:
    """Return up to `wanted` windows, newest first, each one horizon long, without overlap."""
    if not len(history.days):
        return []
    floor = np.quantile(history.days, LEAST_SHARE)
    ends = [history.now - horizon_days * step for step in range(wanted)]
    return [Window(end - horizon_days, end) for end in ends if end - horizon_days > floor]


def sampled(customers: Rows, limit: int, rng: np.random.Generator) -> Rows:
    """Return at most `limit` of the customers, in order."""
    if len(customers) <= limit:
        return customers
    return np.sort(rng.choice(customers, limit, replace=False))
