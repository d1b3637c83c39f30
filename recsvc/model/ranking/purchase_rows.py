"""A customer's purchase history as arrays over item rows.

Purchases older than KEPT_SECONDS, sensitive items, and items that neither the model nor the
catalogue knows are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsvc.domain.customers.purchase_history import KEPT_SECONDS
from recsvc.model.artifact.format import Array
from recsvc.model.kernels.kernels import (
    ROW,
    START,
    STOP,
    UNKNOWN_ROW,
    items_in_history,
    kept_purchases,
    read_history,
)
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.ranking.recent_interest import fill_catalogue_rows

_NOTHING = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class PurchaseRows:
    """Bought items, the latest first, and dismissed items. Rows of each are distinct."""

    rows: Array  # (bought,) int64, item rows
    times: Array  # (bought,) int64, number of purchases, at least 1
    last_seconds: Array  # (bought,) int64, last purchase, seconds since 1970 (whole minutes)
    dismissed: Array  # (dismissed,) int64, item rows, in no order
    dismissed_unknown: frozenset[str] = frozenset()  # dismissed items without a row

    def since(self, data_end_seconds: float) -> "PurchaseRows":
        """Return the history without items whose last purchase is not after the end of the data.

        For a customer whom a model knows: its lists contain these purchases already. The end is
        `Manifest.data_end_us`. Each remaining item counts as one purchase, because `times` would
        count the earlier ones again.
        """
        is_new = self.last_seconds > data_end_seconds
        return PurchaseRows(
            self.rows[is_new],
            np.ones(int(is_new.sum()), np.int64),
            self.last_seconds[is_new],
            self.dismissed,
            self.dismissed_unknown,
        )


def no_purchases() -> PurchaseRows:
    return PurchaseRows(_NOTHING, _NOTHING, _NOTHING, _NOTHING)


def purchase_rows(
    live_items: LiveItems, content: Sequence[bytes], now_seconds: float
) -> PurchaseRows:
    """Return the rows of a stored history. `content`: its text, or nothing."""
    if not content:
        return no_purchases()
    text, items = content[0], live_items.model.items
    bought, dismissed = read_history.run(text, items.index)
    if live_items.has_items_outside_model:
        fill_catalogue_rows(live_items, bought, text)
        fill_catalogue_rows(live_items, dismissed, text)
    # The array is read after the rows: it has grown before the catalogue gives out a new row.
    kept = kept_purchases.run(bought, live_items.sensitive, now_seconds - KEPT_SECONDS)
    if not len(dismissed):
        return PurchaseRows(*kept, _NOTHING)
    rows = dismissed[:, ROW]
    unknown = dismissed[rows == UNKNOWN_ROW]
    return PurchaseRows(*kept, rows[rows != UNKNOWN_ROW], frozenset(_texts(text, unknown)))


def sensitive_items(live_items: LiveItems, text: bytes) -> list[str]:
    """Return the items of a stored history that the catalogue calls sensitive now."""
    items = live_items.model.items
    found = items_in_history.run(text, items.index)
    if live_items.has_items_outside_model:
        fill_catalogue_rows(live_items, found, text)
    found = found[found[:, ROW] != UNKNOWN_ROW]
    found = found[live_items.sensitive[found[:, ROW]]]
    return list(dict.fromkeys(_texts(text, found)))


def _texts(text: bytes, found: Array) -> list[str]:
    return [text[start:stop].decode() for start, stop in found[:, [START, STOP]].tolist()]
