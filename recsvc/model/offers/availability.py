"""Offers whose every covered item is unavailable: sold out, hidden, deleted, or out of its dates.

The number of available items of each offer is kept between requests. A change of the catalogue
updates the numbers of the offers that cover the changed items.
"""

from dataclasses import dataclass

import numpy as np

from recsvc.domain.offers.offer import Offer
from recsvc.model.artifact.format import Array
from recsvc.model.offers.columns import OfferColumns
from recsvc.model.offers.coverage import CoveredItems, covered_rows
from recsvc.model.offers.items import ItemsSnapshot

_MOST_CHANGED = 1000  # items; after more changes, all offers are counted again


@dataclass(frozen=True, slots=True, eq=False)
class _Counted:
    """The counts of one state of the catalogue."""

    changes: int
    unavailable: Array  # (items,) bool, a copy
    available: Array  # (offers,) int64, available items
    sold_out: Array  # (offers,) bool


class OfferAvailability:
    """The offers of a snapshot without an available item."""

    def __init__(self, columns: OfferColumns, items: ItemsSnapshot) -> None:
        self._columns = columns
        self._items = items
        named = zip(columns.offers, columns.covered, strict=True)
        self._is_limited = np.array([_is_limited(each, rows, items) for each, rows in named], bool)
        self._counted: _Counted | None = None

    def sold_out(self) -> Array:
        """Return the offers that name known items, of which none is available. (offers,) bool"""
        counted = self._counted
        changes = self._items.live_items.availability_changes  # read before the items
        if counted is None or counted.changes != changes:
            # Concurrent requests may count the same change; each result is complete.
            counted = self._counted = self._count(changes, counted)
        return counted.sold_out

    def _count(self, changes: int, before: _Counted | None) -> _Counted:
        size = len(self._columns.coverage.items.offsets) - 1
        unavailable = self._items.live_items.unavailable[:size].copy()
        available = self._available(unavailable, before)
        return _Counted(changes, unavailable, available, self._is_limited & (available <= 0))

    def _available(self, unavailable: Array, before: _Counted | None) -> Array:
        """Count the available items of each offer; from the changed items if they are few."""
        postings = self._columns.coverage.items
        if before is not None:
            changed = np.flatnonzero(before.unavailable != unavailable)
            if len(changed) <= _MOST_CHANGED:
                available = before.available.copy()
                for row in changed.tolist():
                    offers = postings.offers[postings.offsets[row] : postings.offsets[row + 1]]
                    available[offers] += -1 if unavailable[row] else 1
                return available
        entries = np.repeat(~unavailable, np.diff(postings.offsets))
        return np.bincount(postings.offers[entries], minlength=len(self._columns))


def has_available_item(offer: Offer, items: ItemsSnapshot) -> bool:
    """Return whether an offer, which may be newer than the columns, has an available item."""
    rows = covered_rows(offer, items)
    if not _is_limited(offer, rows, items):
        return True
    return bool((~items.live_items.unavailable[rows]).any())


def _is_limited(offer: Offer, rows: Array, items: CoveredItems) -> bool:
    """Return whether the offer names an item, a category or a brand that is or was known.

    An offer on items that no catalogue and no model knows yet is not limited: catalogues lag.
    """
    if offer.is_for_all_items:
        return False
    if len(rows) or any(items.brand(name) is not None for name in offer.brands):
        return True
    return any(len(items.sets_within(name)) for name in offer.categories)
