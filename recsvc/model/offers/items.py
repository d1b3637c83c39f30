"""A snapshot of the live items, for decisions on offers."""

from collections.abc import Sequence

import numpy as np

from recsvc.domain.catalogue.category_sizes import judged, sizes_of
from recsvc.model.artifact.format import Array
from recsvc.model.ranking.category_sets import NO_CATEGORY, CategorySets
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
        self.category_sets: Array = live_items.category_sets(rows)
        self.categories: Array = judged_codes(
            live_items.categories(rows), live_items.columns.categories
        )
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

    def sets_within(self, name: str) -> Array:
        return self.live_items.columns.categories.sets_within(name)

    def brand(self, name: str) -> int | None:
        return self.live_items.columns.brand_code(name)


def judged_codes(own: Array, categories: CategorySets) -> Array:
    """Return the code of each item's judged category; below 0: none. `own`: of its own category."""
    known = own[own >= 0]
    counts = np.bincount(known, minlength=1).tolist()
    names = categories.names
    sizes = sizes_of({names[code]: count for code, count in enumerate(counts) if count})
    judged_of = np.full(len(counts) + 1, NO_CATEGORY, dtype=np.int32)  # the last: no category
    for code, count in enumerate(counts):
        if count:
            code_of_judged = categories.code(judged(names[code], sizes))
            judged_of[code] = NO_CATEGORY if code_of_judged is None else code_of_judged
    codes: Array = judged_of[np.where(own < 0, len(counts), own)]
    return codes
