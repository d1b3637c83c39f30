"""A customer's spend per item: from the model, and from purchases since.

Items that are sensitive now are left out.
"""

import math
from collections.abc import Sequence

import numpy as np

from recsvc.domain.customers.purchase_lines import PurchaseLine
from recsvc.domain.customers.recent_events import SECONDS_PER_DAY
from recsvc.model.artifact.format import NO_ITEM, Array
from recsvc.model.offers import kernels
from recsvc.model.offers.inputs import HALF_LIFE_DAYS, WeightedRows
from recsvc.model.offers.items import ItemsSnapshot
from recsvc.model.registry.loaded import NOTHING_PURCHASED, CustomerPurchases

MAX_FUTURE_DAYS = 3650.0  # after the end of the data: a later timestamp must not overflow

_NO_ROWS, _NO_WEIGHTS = np.zeros(0, np.int64), np.zeros(0)


def spend_by_category(items: ItemsSnapshot, bought: WeightedRows) -> WeightedRows:
    return WeightedRows(*kernels.sum_by_category.run(bought.rows, bought.weights, items.categories))


def purchases_of(
    items: ItemsSnapshot, purchased: CustomerPurchases | None, since: Sequence[PurchaseLine]
) -> WeightedRows:
    """Return the spend per item, decayed to the end of the model's data.

    `since`: purchase lines that the model does not contain; those without an item do not count.
    """
    before = NOTHING_PURCHASED if purchased is None else purchased
    rows, worth = _NO_ROWS, _NO_WEIGHTS
    named = [(line, line.item_id) for line in since if line.item_id is not None]
    if named:
        found = items.rows([item for _, item in named])
        rows = np.array([NO_ITEM if row is None else row for row in found], dtype=np.int64)
        worth = np.array(
            [
                _decayed_weight(items, line, row, before.weights)
                for (line, _), row in zip(named, found, strict=True)
            ]
        )
    sensitive = items.live_items.sensitive
    return WeightedRows(
        *kernels.merge_purchases.run(before.items, before.weights, sensitive, rows, worth)
    )


def _decayed_weight(
    items: ItemsSnapshot, line: PurchaseLine, row: int | None, weights: Array
) -> float:
    if row is None:
        return 0.0
    day = line.at_seconds / SECONDS_PER_DAY
    age = 0.0 if items.end_day is None else max(items.end_day - day, -MAX_FUTURE_DAYS)
    return float(_weight(items, line, row, weights) * 0.5 ** (age / HALF_LIFE_DAYS))


def _weight(items: ItemsSnapshot, line: PurchaseLine, row: int, weights: Array) -> float:
    """Return the weight of a purchase: the price paid, if the model weighs by prices, else 1."""
    if not items.knows_prices and items.live_items.model.has_purchases:
        return 1.0
    if line.paid is not None:
        return line.paid
    price = items.live_items.price(row)
    if not math.isnan(price):
        return price
    return float(weights.mean()) if len(weights) else 1.0
