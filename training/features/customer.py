"""Features of a customer: number of orders, pace, share of new items."""

import numpy as np

from training.dataset.customer_items import CustomerItems
from training.dataset.history import History, Rows
from training.dataset.segments import distinct
from training.features.table import FeatureTable, table_of


def customer_facts(
    history: History, customer_items: CustomerItems, horizon_days: float
) -> FeatureTable:
    total = history.customers_total
    starts = np.flatnonzero(np.diff(history.orders, prepend=-1))
    owners, days = history.customers[starts], history.days[starts]
    orders = np.bincount(owners, minlength=total)
    lines = np.bincount(history.customers, minlength=total)
    distinct = np.bincount(customer_items.customers, minlength=total)
    first, last = np.full(total, np.nan), np.full(total, np.nan)
    np.fmin.at(first, owners, days)
    np.fmax.at(last, owners, days)
    tenure = np.nan_to_num(history.now - first)
    fresh = history.days[customer_items.first_lines] >= history.now - horizon_days
    new_items = np.bincount(customer_items.customers, fresh, total)
    return table_of(
        {
            "log_orders": np.log1p(orders),
            "log_distinct": np.log1p(distinct),
            "order_size": lines / np.maximum(orders, 1),
            "customer_days_since": history.now - last,
            "tenure": tenure,
            "pace": orders / np.maximum(tenure, 1) * horizon_days,
            "recent_orders": np.bincount(
                owners[history.now - days <= horizon_days], minlength=total
            ),
            "novelty": (new_items + 1) / (_recent_distinct(history, horizon_days) + 3),
            "variety": (distinct + 1) / (lines + 2),
        }
    )


def _recent_distinct(history: History, horizon_days: float) -> Rows:
    """Count each customer's distinct items of the last horizon."""
    recent = history.ages() <= horizon_days
    size = max(history.items_total, 1)
    keys = distinct(history.customers[recent] * size + history.items[recent])
    return np.bincount(keys // size, minlength=history.customers_total)
