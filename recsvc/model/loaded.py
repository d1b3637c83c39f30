"""A loaded model: read-only rows of memory-mapped arrays, one object for a whole request.

What ranks for a person takes an `Admitted`; there is no other way to a customer's list.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from recsvc.domain.consent import Purpose
from recsvc.domain.gate import Admitted
from recsvc.domain.slates import CustomerSlate, ItemSlate, ReasonCode
from recsvc.model.candidates import Candidates
from recsvc.model.format import Array
from recsvc.model.id_map import CustomerMap, IdMap
from recsvc.model.manifest import Manifest

_PURPOSE = Purpose.PERSONALIZATION
_SLATES = tuple(CustomerSlate)

NEIGHBOUR_REASONS = {
    ItemSlate.SIMILAR: ReasonCode.SIMILAR,
    ItemSlate.BOUGHT_TOGETHER: ReasonCode.BOUGHT_TOGETHER,
}


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """One ranked list per row, and where each begins."""

    offsets: Array  # (rows + 1,) int64
    lists: Candidates  # all lists, one after the other

    def row(self, row: int) -> Candidates:
        if row < 0:
            raise IndexError(f"there is no row {row}")
        lists = self.lists
        part = slice(self.offsets.item(row), self.offsets.item(row + 1))
        reason_items = None if lists.reason_items is None else lists.reason_items[part]
        return Candidates(lists.items[part], lists.scores[part], lists.reasons[part], reason_items)

    def joined(self, rows: Array) -> Candidates:
        """Return the lists of several rows, one after the other; each reason is its list's row."""
        starts, stops = self.offsets[rows], self.offsets[rows + 1]
        lengths = stops - starts
        places = np.arange(lengths.sum()) + np.repeat(stops - lengths.cumsum(), lengths)
        lists = self.lists
        because = np.repeat(rows, lengths)
        return Candidates(lists.items[places], lists.scores[places], lists.reasons[places], because)


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """One version of one shop's model, already checked: `loader.load` is what makes one."""

    manifest: Manifest
    items: IdMap
    customers: CustomerMap
    categories: IdMap
    _slates: Mapping[CustomerSlate, Ragged] = field(repr=False)
    _neighbours: Mapping[ItemSlate, Ragged] = field(repr=False)
    _category_popular: Ragged = field(repr=False)
    _popular: Candidates = field(repr=False)
    _trending: Candidates = field(repr=False)
    _intervals: Array | None = field(repr=False)  # (items,) float32

    @property
    def version(self) -> str:
        return self.manifest.version

    def customer_slate(self, admitted: Admitted, slate: CustomerSlate) -> Candidates | None:
        """Return the admitted customer's list; None when the model does not know the customer."""
        row = self._customer_row(admitted)
        return None if row is None else self._slates[slate].row(row)

    def _customer_row(self, admitted: Admitted) -> int | None:
        if not isinstance(admitted, Admitted) or admitted.purpose is not _PURPOSE:
            raise TypeError("a customer's list takes an admission to personalization")
        return self.customers.row(admitted.customer)

    def customer_slates(self, admitted: Admitted) -> list[Candidates]:
        """Return all lists of the admitted customer, in the order of `CustomerSlate`; or none."""
        row = self._customer_row(admitted)
        return [] if row is None else [self._slates[slate].row(row) for slate in _SLATES]

    def neighbours(self, slate: ItemSlate, item_row: int) -> Candidates:
        """Return an item's neighbours; the reason for each is that item."""
        found = self._neighbours[slate].row(item_row)
        because = np.full(len(found), item_row, dtype=np.int32)
        return Candidates(found.items, found.scores, found.reasons, because)

    def neighbours_of_all(self, slate: ItemSlate, item_rows: Array) -> Candidates:
        """Return the neighbours of several items, unmerged; the reason of each is its item."""
        return self._neighbours[slate].joined(item_rows)

    def nearest(self, item_row: int, most: int) -> Iterator[tuple[int, float]]:
        """Yield an item's first similar ones with their scores, as plain numbers."""
        similar = self._neighbours[ItemSlate.SIMILAR]
        start = similar.offsets.item(item_row)
        part = slice(start, min(start + most, similar.offsets.item(item_row + 1)))
        lists = similar.lists
        return zip(lists.items[part].tolist(), lists.scores[part].tolist(), strict=True)

    def interval_days(self, item_row: int) -> float | None:
        """Return the usual days between two purchases of an item by one customer.

        NaN: nobody bought it again. None: the model says nothing about it.
        """
        return None if self._intervals is None else self._intervals.item(item_row)

    def popular(self) -> Candidates:
        """Return every item of the model, the most popular first."""
        return self._popular

    def trending(self) -> Candidates:
        return self._trending

    def category_popular(self, name: str) -> Candidates | None:
        """Return the items of a category; None when the model does not know the category."""
        row = self.categories.row(name)
        return None if row is None else self._category_popular.row(row)
