"""Days for purchases without timestamps, from the order of each customer's rows.

The position in the whole file is not used as a time, because many files are sorted by customer.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.dataset.history import Days, History, ReturnedLines, Rows

# A customer's orders are spread evenly over this many days, the last one at the end. An eighth of
# them is then one window of the usual horizon. A customer's only order is put in the middle: it
# is training data, and never the only order that is held out of a customer.
UNTIMED_HORIZON_DAYS = 28.0
UNTIMED_DAYS = 8 * UNTIMED_HORIZON_DAYS


def spread(customers: Rows, orders: Rows, customers_total: int) -> Days:
    """Return the day of each line."""
    _, first = np.unique(orders, return_index=True)
    counts = np.bincount(customers[first], minlength=customers_total)
    before = np.concatenate([[0], np.cumsum(counts)])[:-1]
    share = (orders - before[customers] + 1) / np.maximum(counts[customers], 2)
    return np.asarray(share * (UNTIMED_DAYS - 1e-6))


def respread(known: History) -> History:
    """Spread the remaining orders over all pseudo-days again."""
    back = known.returned_lines
    every = known if back is None else known.merged_with(back.lines)
    orders, first = np.unique(every.orders, return_index=True)
    owners = every.customers[first]
    days = spread(owners, orders, known.customers_total)
    if back is not None:
        at = latest_order(owners, every.days[first], back.lines.customers, back.returned)
        back = ReturnedLines(replace(back.lines, days=days[back.lines.orders]), days[at])
    return replace(known, days=days[known.orders], now=UNTIMED_DAYS, returned_lines=back)


def latest_order(
    owners: Rows, began: NDArray[np.number], customers: Rows, moments: NDArray[np.number]
) -> Rows:
    """Return each customer's last order that began at or before the given moment.

    Orders are sorted by customer and begin. Each customer must have such an order.
    """
    _, ranks = np.unique(np.concatenate([began, moments]), return_inverse=True)
    size = int(ranks.max(initial=0)) + 1
    wanted = customers * size + ranks[len(began) :]
    return np.asarray(np.searchsorted(owners * size + ranks[: len(began)], wanted, "right") - 1)
