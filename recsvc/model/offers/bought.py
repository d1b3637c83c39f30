"""What a customer spent on each item: what a model knows, and what was bought since.

Nothing of an item that is sensitive now.
"""

import math
from collections.abc import Sequence

import numpy as np

from recsvc.model.format import Array
from recsvc.model.loaded import Purchased
from recsvc.model.offers import kernels
from recsvc.model.offers.facts import HALF_LIFE_DAYS, Weighted
from recsvc.model.offers.stock import Stock

Since = Sequence[tuple[float, int]]  # day, item row; below 0: nobody knows the item

FURTHEST_DAYS = 3650.0  # after that end; a time beyond it is none, and must not overflow

_NOTHING = np.zeros(0, np.int32), np.zeros(0, np.float32)
_NO_ROWS, _NO_WEIGHTS = np.zeros(0, np.int64), np.zeros(0)


def by_category(stock: Stock, bought: Weighted) -> Weighted:
    return Weighted(*kernels.by_category.run(bought.rows, bought.weights, stock.categories))


def bought_of(stock: Stock, purchased: Purchased | None, since: Since) -> Weighted:
    """Return what was spent on each item, as of the end of what the model has learned from."""
    items, weights = _NOTHING if purchased is None else (purchased.items, purchased.weights)
    rows, worth = _NO_ROWS, _NO_WEIGHTS
    if since:
        rows = np.array([row for _, row in since], dtype=np.int64)
        worth = np.array([_worth(stock, day, row, weights) for day, row in since])
    sensitive = stock.assortment.sensitive
    return Weighted(*kernels.join.run(items, weights, sensitive, rows, worth))


def _worth(stock: Stock, day: float, row: int, weights: Array) -> float:
    if not 0 <= row < len(stock.categories):
        return 0.0
    age = 0.0 if stock.end_day is None else max(stock.end_day - day, -FURTHEST_DAYS)
    return float(_cost(stock, row, weights) * 0.5 ** (age / HALF_LIFE_DAYS))


def _cost(stock: Stock, row: int, weights: Array) -> float:
    """Return what a purchase weighs: its price, where that is what the model weighs by."""
    if not stock.knows_prices and stock.assortment.model.knows_customers:
        return 1.0
    price = stock.assortment.price(row)
    if not math.isnan(price):
        return price
    return float(weights.mean()) if len(weights) else 1.0
