"""Splits of the past into what a model may see and what it is judged by."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from training.interactions import Interactions

MIN_WINDOWS = 4  # a judged window may be at most this part of all the time there is
MIN_CUSTOMERS = 5  # with something to find
HELD_OUT_SHARE = 0.2  # of a customer's orders, without timestamps


@dataclass(frozen=True, slots=True)
class Window:
    """`seen` is what comes before the cut; `truth` what was bought after it, by customer."""

    name: str
    seen: Interactions
    truth: sparse.csr_array  # customers × items, ones: only customers and items that `seen` has


def last_window(interactions: Interactions, horizon_days: float) -> Window | None:
    """Hold out the last days; without timestamps, the last orders of each customer.

    A horizon longer than a quarter of the history is shortened to it. None when there would be
    fewer than MIN_CUSTOMERS to judge by.
    """
    if not len(interactions.days):
        return None
    if not interactions.timed:
        return window(interactions, last_orders(interactions), interactions.end, "last orders")
    span = interactions.end - float(interactions.days.min())
    days = min(horizon_days, span / MIN_WINDOWS)
    cut = interactions.end - days
    return window(interactions, interactions.days > cut, cut, f"last {days:.3g} days")


def window(
    interactions: Interactions, later: NDArray[np.bool_], cut: float, name: str
) -> Window | None:
    seen = interactions.only(~later, end=cut)
    truth = judged(seen, interactions.only(later))
    customers = np.count_nonzero(np.diff(truth.indptr))
    return Window(name, seen, truth) if customers >= MIN_CUSTOMERS else None


def judged(seen: Interactions, later: Interactions) -> sparse.csr_array:
    """Keep of what came later the customers and items that a model can know."""
    known_customers, known_items = np.zeros(seen.shape[0], bool), np.zeros(seen.shape[1], bool)
    known_customers[seen.customers] = True
    known_items[seen.items] = True
    chosen = known_customers[later.customers] & known_items[later.items]
    truth = later.only(chosen).matrix()
    truth.data[:] = 1.0
    return truth


def last_orders(interactions: Interactions) -> NDArray[np.bool_]:
    """Mark the last fifth of each customer's orders (one at least, if there are two)."""
    orders, first_line = np.unique(interactions.orders, return_index=True)
    customers = interactions.customers[first_line]  # (orders,)
    counts = np.bincount(customers, minlength=interactions.shape[0])
    first_order = np.concatenate([[0], np.cumsum(counts)[:-1]])
    place = np.arange(len(orders)) - first_order[customers]
    held = np.where(counts > 1, np.maximum(counts * HELD_OUT_SHARE, 1).astype(np.int64), 0)
    is_late = place >= (counts - held)[customers]
    return np.asarray(is_late[np.searchsorted(orders, interactions.orders)])
