"""A snapshot of the live items, for decisions on offers."""

from collections.abc import Sequence

import numpy as np

from recsvc.model.artifact.format import Array
from recsvc.model.ranking.live_items import LiveItems


class ItemsSnapshot:
    """The item columns that decisions read (see `coverage.CoveredItems`), by item row."""

    def __init__(self, live_items: LiveItems) -> None:
        self.live_items = live_items
        self._stamp = (
            live_items.stamp
        )  # read first: a concurrent change makes this snapshot outdated
        size = live_items.items_total
        rows = np.arange(size)
        self.categories: Array = live_items.categories(rows).astype(np.int32)
        self.brands: Array = live_items.brands(rows)
        self.popularity = np.zeros(size)
        popular = live_items.model.popular()
        self.popularity[popular.items] = popular.scores
        self.end_day = live_items.model.end_day()
        self.knows_prices = live_items.model.knows_prices()

    def is_of(self, live_items: LiveItems) -> bool:
        """Return whether the snapshot is current."""
        return self.live_items is live_items and self._stamp == live_items.stamp

    def rows(self, item_ids: Sequence[str]) -> Sequence[int | None]:
        size = len(self.popularity)  # items that were listed later are unknown here
        found = self.live_items.rows(item_ids)
        return [row if row is not None and row < size else None for row in found]

    def category(self, name: str) -> int | None:
        return next(iter(self.live_items.columns.category_codes([name])), None)

    def brand(self, name: str) -> int | None:
        return next(iter(self.live_items.columns.brand_codes([name])), None)
