"""The items that offers are decided on: those of an assortment, as they were at one moment."""

from collections.abc import Sequence

import numpy as np

from recsvc.model.artifact.format import Array
from recsvc.model.ranking.live_items import LiveItems


class ItemsSnapshot:
    """What offers ask of items (see `reach.Goods`), by item row."""

    def __init__(self, assortment: LiveItems) -> None:
        self.assortment = assortment
        self._stamp = assortment.stamp  # read first: what changes meanwhile makes this an old one
        size = assortment.items_total
        rows = np.arange(size)
        self.categories: Array = assortment.categories(rows).astype(np.int32)
        self.brands: Array = assortment.brands(rows)
        self.popularity = np.zeros(size)
        popular = assortment.model.popular()
        self.popularity[popular.items] = popular.scores
        self.end_day = assortment.model.end_day()
        self.knows_prices = assortment.model.knows_prices()

    def is_of(self, assortment: LiveItems) -> bool:
        """Whether this is still what the assortment's items are."""
        return self.assortment is assortment and self._stamp == assortment.stamp

    def rows(self, item_ids: Sequence[str]) -> Sequence[int | None]:
        size = len(self.popularity)  # what was listed since is unknown here
        found = self.assortment.rows(item_ids)
        return [row if row is not None and row < size else None for row in found]

    def category(self, name: str) -> int | None:
        return next(iter(self.assortment.columns.category_codes([name])), None)

    def brand(self, name: str) -> int | None:
        return next(iter(self.assortment.columns.brand_codes([name])), None)
