"""Switching: customers who buy one item of a category, and another one the next time.

Two items of one order complete each other more often than they replace each other, so a pair counts
in consecutive orders of the category each of which has one item of the two only.
"""

import numpy as np
from scipy import sparse

from training.dataset.history import History, Rows
from training.item_slates.order_loops import switched_pairs

_MOST_ITEMS = 20  # of a category in one order; a larger one is a stock delivery, not a choice


def switching_customers(history: History, groups: Rows, least: int) -> sparse.csr_array:
    """Count the customers who switched between two items, in either direction; symmetric.

    `groups` are the items' categories, −1 for none. Pairs of fewer than `least` customers are 0.
    """  # (items, items)
    size = history.items_total
    offsets, owners, items, customers = _visits(history, groups)
    pairs, visits = switched_pairs.run(offsets, owners, items, size)
    order = np.argsort(pairs, kind="stable")  # visits of a customer stay together
    pairs, customers = pairs[order], customers[visits[order]]
    is_new = np.diff(pairs, prepend=-1) != 0
    starts = np.flatnonzero(is_new)
    is_new |= np.diff(customers, prepend=-1) != 0
    counts = np.add.reduceat(is_new.astype(np.int64), starts) if len(starts) else starts
    enough = counts >= max(least, 1)
    low, high = np.divmod(pairs[starts][enough], max(size, 1))
    half = sparse.coo_array((counts[enough].astype(np.float32), (low, high)), shape=(size, size))
    return sparse.csr_array(half.tocsr() + half.T.tocsr())


def _visits(history: History, groups: Rows) -> tuple[Rows, Rows, Rows, Rows]:
    """Return the lines of a category in an order as runs: offsets, owners, items, customers.

    The owner of a run is the customer and the category; runs of one owner ascend in time.
    """
    group = groups[history.items]
    lines = np.flatnonzero(group >= 0)
    owners = history.customers[lines] * (int(groups.max(initial=0)) + 1) + group[lines]
    order = np.argsort(owners, kind="stable")
    lines, owners = lines[order], owners[order]
    orders = history.orders[lines]
    is_first = (np.diff(owners, prepend=-1) != 0) | (np.diff(orders, prepend=-1) != 0)
    sizes = np.diff(np.append(np.flatnonzero(is_first), len(lines)))
    kept = np.repeat(sizes <= _MOST_ITEMS, sizes)
    lines, owners, first = lines[kept], owners[kept], np.flatnonzero(is_first[kept])
    offsets = np.append(first, len(lines))
    return offsets, owners[first], history.items[lines], history.customers[lines[first]]
