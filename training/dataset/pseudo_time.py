"""Time where there is none: the order of rows is all that tells a customer's earlier purchases from
later ones. The place in the whole file is no time: many files are sorted by customer.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.dataset.history import Days, History, Rows, TakenBack

# A customer's orders are spread evenly over this many days, the last one at the end. An eighth of
# them is then one window of the usual horizon. A customer's only order may lie anywhere: it stands
# in the middle, where it can be learned from and is never all that is held out of a customer.
UNTIMED_HORIZON_DAYS = 28.0
UNTIMED_DAYS = 8 * UNTIMED_HORIZON_DAYS


def spread(customers: Rows, orders: Rows, customers_total: int) -> Days:
    """Return the day of each line."""
    _, first = np.unique(orders, return_index=True)
    counts = np.bincount(customers[first], minlength=customers_total)
    before = np.concatenate([[0], np.cumsum(counts)])[:-1]
    share = (orders - before[customers] + 1) / np.maximum(counts[customers], 2)
    return np.asarray(share * (UNTIMED_DAYS - 1e-6))


def spread_anew(known: History) -> History:
    """Spread what is left of a shop over all the days there are."""
    back = known.taken_back
    every = known if back is None else known.and_also(back.lines)
    orders, first = np.unique(every.orders, return_index=True)
    owners = every.customers[first]
    days = spread(owners, orders, known.customers_total)
    if back is not None:
        at = latest_order(owners, every.days[first], back.lines.customers, back.returned)
        back = TakenBack(replace(back.lines, days=days[back.lines.orders]), days[at])
    return replace(known, days=days[known.orders], now=UNTIMED_DAYS, taken_back=back)


def latest_order(
    owners: Rows, began: NDArray[np.number], customers: Rows, moments: NDArray[np.number]
) -> Rows:
    """Return each customer's last order that began at the moment or before.

    Orders stand by customer and beginning; of those that are asked for there is always one.
    """
    _, ranks = np.unique(np.concatenate([began, moments]), return_inverse=True)
    size = int(ranks.max(initial=0)) + 1
    wanted = customers * size + ranks[len(began) :]
    return np.asarray(np.searchsorted(owners * size + ranks[: len(began)], wanted, "right") - 1)
