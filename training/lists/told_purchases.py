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
from training.dataset.history import Days, History, Rows


@dataclass(frozen=True, slots=True)
class ToldPurchases:
    """One customer's items, the latest first, as `kernels.fold_in` takes them."""

    rows: Rows  # (told,)
    times: Rows  # (told,)
    ages: Days  # (told,) days since the last purchase
    bought: Rows  # every item that the customer ever bought


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
    ages, order_ages = history.ages(), history.order_ages()
    starts = np.searchsorted(history.customers, customers)
    ends = np.searchsorted(history.customers, customers + 1)
    for start, end in zip(starts, ends, strict=True):
        lines = np.arange(start, end)
        bought = np.unique(history.items[lines])
        told = ages[lines] < KEPT_DAYS
        if orders is not None:
            told &= order_ages[lines] < orders
        lines = lines[told]
        items, place, times = np.unique(
            history.items[lines], return_inverse=True, return_counts=True
        )
        last = np.full(len(items), np.inf)
        np.minimum.at(last, place, ages[lines])
        order = np.lexsort((items, last))[:MAX_ITEMS]
        if item_bytes is not None:
            size = np.cumsum(item_bytes[items[order]])
            order = order[size <= MAX_BYTES - MAX_ORDER_BYTES]
        yield ToldPurchases(items[order], times[order], last[order], bought)
