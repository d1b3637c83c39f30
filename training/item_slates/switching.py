"""Switching: customers who buy one item of a category, and another one the next time.

Two items of one order complete each other more often than they replace each other, so a pair counts
in consecutive orders of the category each of which has one item of the two only.
"""

import numpy as np
import polars as pl
from scipy import sparse

from training.dataset.history import History, Rows

_MOST_ITEMS = 20  # of a category in one order; a larger one is a stock delivery, not a choice


def switching_customers(history: History, groups: Rows, least: int) -> sparse.csr_array:
    """Count the customers who switched between two items, in either direction; symmetric.

    `groups` are the items' categories, −1 for none. Pairs of fewer than `least` customers are 0.
    """  # (items, items)
    lines = pl.DataFrame(
        {
            "customer": history.customers,
            "order": history.orders,
            "item": history.items,
            "group": groups[history.items],
        }
    ).filter(pl.col("group") >= 0)
    visit = ["customer", "group", "order"]
    lines = lines.filter(pl.len().over(visit) <= _MOST_ITEMS)
    visits = lines.select(visit).unique().sort(visit)
    visits = visits.with_columns(next=pl.col("order").shift(-1).over("customer", "group"))
    left = lines.join(visits.drop_nulls("next"), on=visit)
    right = lines.select("customer", "group", next="order", other="item")
    pairs = left.join(right, on=["customer", "group", "next"])
    pairs = pairs.filter(pl.col("item") != pl.col("other"))
    held = lines.select("order", "item")
    pairs = pairs.join(held, left_on=["order", "other"], right_on=["order", "item"], how="anti")
    pairs = pairs.join(held, left_on=["next", "item"], right_on=["order", "item"], how="anti")
    pairs = pairs.select(
        "customer",
        low=pl.min_horizontal("item", "other"),
        high=pl.max_horizontal("item", "other"),
    )
    counts = pairs.unique().group_by("low", "high").len("customers").sort("low", "high")
    counts = counts.filter(pl.col("customers") >= max(least, 1))
    low, high = counts["low"].to_numpy(), counts["high"].to_numpy()
    customers = counts["customers"].to_numpy().astype(np.float32)
    shape = (history.items_total, history.items_total)
    half = sparse.coo_array((customers, (low, high)), shape=shape).tocsr()
    return sparse.csr_array(half + half.T)
