"""Customers that models compare each customer with: the most recently active ones."""

import numpy as np

from training.dataset.history import Floats, History, Rows


def latest_customers(history: History, limit: int) -> Rows:
    """Return the customers with the latest purchases, ascending."""
    last = np.full(history.customers_total, -np.inf)
    np.maximum.at(last, history.customers, history.days)
    latest = np.argsort(-last, kind="stable")[:limit]
    return np.sort(latest[np.isfinite(last[latest])])


def nearest(alike: Floats, k: int) -> Floats:
    """Set all but the k greatest values of each row to 0 (more remain where values are equal)."""
    if not alike.size:
        return alike
    k = min(k, alike.shape[1])
    least = np.partition(alike, -k, axis=1)[:, -k, None]
    return np.where(alike < least, 0, alike)
