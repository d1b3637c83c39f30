"""Median days between two purchases of an item by the same customer, over all customers.

Purchases on the same day count as one: a second visit for a forgotten item is no rhythm.
"""

import numpy as np

from training.dataset.customer_items import CustomerItems
from training.dataset.history import Days, Floats, History, Rows

_LEAST_DAYS = 1.0


def median_intervals(history: History, customer_items: CustomerItems) -> Floats | None:
    """Return each item's median days between two purchases by one customer.

    NaN for an item without repeat purchases; None without timestamps.
    """  # (items,)
    if not history.timed:
        return None
    gaps = np.diff(history.days[customer_items.lines])
    again = np.ones(len(gaps), dtype=bool)
    again[customer_items.starts[1:] - 1] = (
        False  # from one pair's last line to the next pair's first
    )
    again &= gaps >= _LEAST_DAYS
    items = history.items[customer_items.lines][:-1][again]
    return medians(items, gaps[again], history.items_total)


def medians(groups: Rows, values: Days, groups_total: int) -> Floats:
    """Return the median of each group, NaN for an empty group."""  # (groups_total,)
    ordered = values[np.lexsort((values, groups))]
    counts = np.bincount(groups, minlength=groups_total)
    starts = np.cumsum(counts) - counts
    found = np.full(groups_total, np.nan, dtype=np.float32)
    filled = counts > 0
    low, high = (starts + (counts - 1) // 2)[filled], (starts + counts // 2)[filled]
    found[filled] = (ordered[low] + ordered[high]) / 2
    return found
