"""The purchase history that the service would hold of a customer whom the model does not know."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from recsvc.domain.customers.purchase_history import (
    KEPT_DAYS,
    MAX_BYTES,
    MAX_ITEMS,
    MAX_ORDER_BYTES,
    BoughtItem,
    item_text,
)
from recsvc.domain.values.ids import ItemId
from recsvc.model.kernels.kernels import SAME_ORDER_DAYS
from training.dataset.customer_items import customer_items_of
from training.dataset.history import Days, History, Rows


@dataclass(frozen=True, slots=True)
class ToldPurchases:
    """One customer's items, the latest first, as `kernels.fold_in` takes them."""

    rows: Rows  # (told,)
    times: Rows  # (told,)
    ages: Days  # (told,) days since the last purchase
    bought: Rows  # every item that the customer ever bought

    @property
    def log_orders(self) -> float:
        """Return log1p of the number of orders, as the kernel counts them."""
        later = int((np.diff(self.ages) > SAME_ORDER_DAYS).sum())
        return float(np.log1p(min(len(self.ages), 1) + later))


def text_bytes(item_ids: Sequence[str]) -> Rows:
    """Return the bytes of each item in a stored history."""  # (items,)
    lines = (item_text(BoughtItem(ItemId(item), 1, 1)).encode() for item in item_ids)
    return np.fromiter(map(len, lines), np.int64, len(item_ids))


def told_purchases(
    history: History, customers: Rows, orders: int | None, item_bytes: Rows | None = None
) -> Iterator[ToldPurchases]:
    """Yield each customer's latest orders, limited as the stored history is.

    `orders` None: all of the last KEPT_DAYS.
    """
    kept = np.zeros(history.customers_total, dtype=bool)
    kept[customers] = True
    theirs = history.only(kept[history.customers], now=history.now)
    ages = theirs.ages()
    told = ages < KEPT_DAYS
    if orders is not None:
        told &= theirs.order_ages() < orders
    ever, pairs = customer_items_of(theirs), customer_items_of(theirs.only(told, now=theirs.now))
    last = ages[told][pairs.last_lines]
    order = np.lexsort((pairs.items, last, pairs.customers))
    for customer in customers:
        bought = ever.items[_places(ever.customers, customer)]
        places = order[_places(pairs.customers, customer)][:MAX_ITEMS]
        if item_bytes is not None:
            size = np.cumsum(item_bytes[pairs.items[places]])
            places = places[size <= MAX_BYTES - MAX_ORDER_BYTES]
        times = pairs.counts[places].astype(np.int64)
        yield ToldPurchases(pairs.items[places], times, last[places], bought)


def _places(sorted_customers: Rows, customer: int) -> slice:
    return slice(*np.searchsorted(sorted_customers, [customer, customer + 1]))
