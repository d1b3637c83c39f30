"""Price levels as logarithms: of items, and of a customer's usual purchases."""

import numpy as np

from training.dataset.history import Flags, Floats, History, Rows


def mean_log_price(history: History, counted: Flags) -> Floats:
    """Average each item's log price over the marked lines; NaN for an unknown one."""
    if history.prices is None:
        return np.full(history.items_total, np.nan, np.float32)
    known = counted & (history.prices > 0)  # excludes NaN
    prices = np.log(history.prices[known])
    return _means(history.items[known], prices, history.items_total)


def price_levels(history: History) -> tuple[Floats, Floats] | None:
    """Return the price level of each item and of each customer; None without prices."""
    if history.prices is None:
        return None
    of_item = mean_log_price(history, np.ones(len(history.days), dtype=bool))
    levels = of_item[history.items]
    known = np.isfinite(levels)
    return of_item, _means(history.customers[known], levels[known], history.customers_total)


def _means(groups: Rows, values: Floats, total: int) -> Floats:
    """Average values by group; NaN for an empty group."""  # (total,)
    counts = np.bincount(groups, minlength=total)
    sums = np.bincount(groups, values, total)
    found = np.divide(sums, counts, out=np.full(total, np.nan), where=counts > 0)
    return np.asarray(found, dtype=np.float32)
