"""How likely a bought item is bought again within the horizon, from all of the shop's purchases."""

import numpy as np
from numpy.typing import NDArray

from training.dataset.history import Flags, History

_DAYS = 200.0  # of purchases that count
_PRIOR, _CATEGORY_PRIOR = 10.0, 50.0  # purchases, at the rate of the category and at the mean


def repurchase_odds(history: History, horizon_days: float, shown: Flags) -> NDArray[np.float64]:
    """Return the log-odds that a purchase of an item is followed by another of the same customer.

    Rates shrink to that of the item's category, and these to the mean. Only items that `shown`
    marks (enough customers) are counted; the others get the rate of their category.
    """  # (items,)
    order = np.lexsort((history.days, history.items, history.customers))
    customers, items, days = (
        column[order] for column in (history.customers, history.items, history.days)
    )
    waited = np.full(len(items), np.inf)
    same = (customers[1:] == customers[:-1]) & (items[1:] == items[:-1])
    waited[:-1][same] = np.diff(days)[same]
    end = history.now - horizon_days
    counted = shown[items] & (days <= end) & (days > end - _DAYS)
    size = history.items_total
    bought = np.bincount(items[counted], minlength=size).astype(np.float64)
    again = np.bincount(items[counted & (waited <= horizon_days)], minlength=size)
    mean = (again.sum() + 1.0) / (bought.sum() + 2.0)
    expected = np.full(size, mean)
    if history.categories is not None:
        known = history.categories >= 0
        of = history.categories[known]
        rates = (np.bincount(of, again[known]) + _CATEGORY_PRIOR * mean) / (
            np.bincount(of, bought[known]) + _CATEGORY_PRIOR
        )
        expected[known] = rates[of]
    rate = (again + _PRIOR * expected) / (bought + _PRIOR)
    return np.asarray(np.log(rate) - np.log1p(-rate))
