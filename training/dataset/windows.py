"""Rolling windows of the past: a cutoff, and the purchases in the horizon after it."""

from dataclasses import dataclass

import numpy as np

from training.dataset.customer_items import customer_items_of
from training.dataset.ground_truth import GroundTruths, ground_truths_of
from training.dataset.history import History, Rows
from training.dataset.pseudo_time import UNTIMED_HORIZON_DAYS

_LEAST_SHARE = 0.15  # of all lines must lie before a window, as its training data
_MOST_OF_HISTORY = 0.25  # the longest window, as a share of the time that the history covers


@dataclass(frozen=True, slots=True)
class Window:
    """Days before `start` are known; days in [start, end) are to be predicted."""

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
    """Return the horizon, shortened if the history holds too few of it.

    Without timestamps a window is a share of each customer's orders.
    """
    if not history.timed:
        return UNTIMED_HORIZON_DAYS
    if not len(history.days):
        return wanted
    span = history.now - float(np.floor(history.days.min()))
    return min(wanted, span * _MOST_OF_HISTORY)


def rolling_windows(history: History, horizon_days: float, wanted: int) -> list[Window]:
    """Return up to `wanted` windows without overlap, newest first, each one horizon long."""
    if not len(history.days):
        return []
    floor = np.quantile(history.days, _LEAST_SHARE)
    ends = [history.now - horizon_days * step for step in range(wanted)]
    return [Window(end - horizon_days, end) for end in ends if end - horizon_days > floor]


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """The past windows, newest first. Models are compared on the first `judged` of them."""

    horizon_days: float
    windows: list[Window]
    judged: int

    @property
    def learning_windows(self) -> int:
        """Return the number of windows that are older than every judged one."""
        return len(self.windows) - self.judged

    def oldest_first(self) -> list[tuple[int, Window]]:
        """Return each window with its position; 0 is the newest."""
        return list(reversed(list(enumerate(self.windows))))


def plan_windows(history: History, horizon_days: float, judged: int, older: int) -> WindowPlan:
    """Plan up to `judged + older` windows. If there are two, at least one is for training only."""
    horizon = window_days(history, horizon_days)
    windows = rolling_windows(history, horizon, judged + older)
    return WindowPlan(horizon, windows, min(judged, max(len(windows) - 1, 1)))


def some_customers(history: History, most_lines: int, rng: np.random.Generator) -> History:
    """Return the history of random customers with about `most_lines` lines. Row numbers stay.

    Model comparison and ranker training need no more lines, and their cost grows with the lines of
    all windows. Published models are fitted on the whole history.
    """
    lines = len(history.customers)
    if lines <= most_lines:
        return history
    active = np.unique(history.customers)
    kept = np.zeros(history.customers_total, dtype=bool)
    kept[sampled(active, max(int(len(active) * most_lines / lines), 1), rng)] = True
    return history.of_customers(kept)


def sampled(customers: Rows, limit: int, rng: np.random.Generator) -> Rows:
    """Return at most `limit` random customers, in order."""
    if len(customers) <= limit:
        return customers
    return np.sort(rng.choice(customers, limit, replace=False))
