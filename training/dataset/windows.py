"""Rolling windows of the past: a cut, and what was bought in the horizon after it."""

from dataclasses import dataclass

import numpy as np

from training.dataset.customer_items import customer_items_of
from training.dataset.ground_truth import GroundTruths, ground_truths_of
from training.dataset.history import History, Rows
from training.dataset.pseudo_time import UNTIMED_HORIZON_DAYS

_LEAST_SHARE = 0.15  # of all lines must lie before a window, or there is nothing to learn from
_MOST_OF_HISTORY = 0.25  # a window may be at most this part of all the time there is


@dataclass(frozen=True, slots=True)
class Window:
    """Known: days before `start`. To be predicted: days in [start, end)."""

    start: float
    end: float

    def known(self, history: History) -> History:
        return history.before(self.start)

    def ground_truths(self, history: History) -> GroundTruths:
        later = history.between(self.start, self.end)
        return ground_truths_of(
            customer_items_of(self.known(history)), later.customers, later.items
        )


def window_days(history: History, wanted: float) -> float:
    """Return the horizon, shortened where the history is too short for several of it.

    Without timestamps there are no days to be told, only shares of each customer's orders.
    """
    if not history.timed:
        return UNTIMED_HORIZON_DAYS
    if not len(history.days):
        return wanted
    span = history.now - float(np.floor(history.days.min()))
    return min(wanted, span * _MOST_OF_HISTORY)


def rolling_windows(history: History, horizon_days: float, wanted: int) -> list[Window]:
    """Return up to `wanted` windows, newest first, each one horizon long, without overlap."""
    if not len(history.days):
        return []
    floor = np.quantile(history.days, _LEAST_SHARE)
    ends = [history.now - horizon_days * step for step in range(wanted)]
    return [Window(end - horizon_days, end) for end in ends if end - horizon_days > floor]


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """The past windows of a training, newest first; the first `judged` are judged on."""

    horizon_days: float
    windows: list[Window]
    judged: int

    def oldest_first(self) -> list[tuple[int, Window]]:
        """Return each window with its place; 0 is the newest."""
        return list(reversed(list(enumerate(self.windows))))


def plan_windows(history: History, horizon_days: float, judged: int, older: int) -> WindowPlan:
    """Plan up to `judged + older` windows; one at least is only learned from, if there are two."""
    horizon = window_days(history, horizon_days)
    windows = rolling_windows(history, horizon, judged + older)
    return WindowPlan(horizon, windows, min(judged, max(len(windows) - 1, 1)))


def some_customers(history: History, most_lines: int, rng: np.random.Generator) -> History:
    """Return the history of as many customers as have about `most_lines`; rows stay what they are.

    Comparing models and learning to rank need no more, and their cost is that of all lines of
    every window. What is published is fitted on everything.
    """
    lines = len(history.customers)
    if lines <= most_lines:
        return history
    active = np.unique(history.customers)
    kept = np.zeros(history.customers_total, dtype=bool)
    kept[sampled(active, max(int(len(active) * most_lines / lines), 1), rng)] = True
    return history.of(kept)


def sampled(customers: Rows, limit: int, rng: np.random.Generator) -> Rows:
    """Return at most `limit` of the customers, in order."""
    if len(customers) <= limit:
        return customers
    return np.sort(rng.choice(customers, limit, replace=False))
