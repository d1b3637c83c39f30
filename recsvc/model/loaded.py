"""A loaded model: read-only rows of memory-mapped arrays, one object for a whole request.

What ranks for a person takes an `Admitted`; there is no other way to a customer's list.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from recsvc.domain.consent import Purpose
from recsvc.domain.gate import Admitted
from recsvc.domain.slates import CustomerSlate, ItemSlate, ReasonCode
from recsvc.model.candidates import Candidates, Passing
from recsvc.model.format import Array
from recsvc.model.id_map import CustomerMap, IdMap
from recsvc.model.manifest import Manifest

_PURPOSE = Purpose.PERSONALIZATION
# Plain numbers: numpy compares an array with a member of an enumeration at five times the price.
_DUE, _BECAUSE = int(ReasonCode.BUY_AGAIN_DUE), int(ReasonCode.BECAUSE_YOU_BOUGHT)

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

    def joined(self, rows: Array, passing: Passing | None = None) -> Candidates:
        """Return what passes of the lists of several rows, one list after the other.

        The reason of each entry is its list's row.
        """
        lists, starts, stops = self.lists, self.offsets.take(rows), self.offsets.take(rows + 1)
        lengths = stops - starts
        ends = lengths.cumsum()
        places = np.arange(ends[-1]) + np.repeat(stops - ends, lengths)
        items, because = lists.items.take(places), np.repeat(rows, lengths)
        if passing is not None:
            kept = passing(items).nonzero()[0]
            places, items, because = places.take(kept), items.take(kept), because.take(kept)
        return Candidates(items, lists.scores.take(places), lists.reasons[places], because)


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What is known of all customers, by row."""

    bought: Ragged
    orders: Array  # (customers,) int32
    spent: Array  # (customers,) float32, NaN: unknown
    first: Array  # (customers,) float32, days since 1970, NaN: unknown
    last: Array  # (customers,) as above


@dataclass(frozen=True, slots=True, eq=False)
class Purchased:
    """What one customer did, up to the end of what the model has learned from.

    A weight is what was spent on the item, halved for every 90 days that a purchase is older than
    that end.
    """

    items: Array  # (k,) int32, item rows
    weights: Array  # (k,) float32
    orders: int
    spent: float  # NaN: unknown
    first_day: float  # days since 1970, NaN: unknown
    last_day: float  # as above


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
    _facts: Facts | None = field(repr=False)
    appeal: Array = field(repr=False)  # (items,) float32, what popularity makes of a vote

    @property
    def version(self) -> str:
        return self.manifest.version

    def customer_slate(self, admitted: Admitted, slate: CustomerSlate) -> Candidates | None:
        """Return the admitted customer's list; None when the model does not know the customer."""
        row = self._customer_row(admitted)
        return None if row is None else self._slates[slate].row(row)

    def bought(self, admitted: Admitted) -> Iterator[int]:
        """Yield the items that the customer's own lists show as bought; some more than once.

        What is to be bought again comes first, the soonest due before the others. A list is
        read once its turn comes.
        """
        row = self._customer_row(admitted)
        if row is None:
            return iter(())
        again = self._slates[CustomerSlate.BUY_AGAIN].row(row).items.tolist()
        shown = (_shown_as_bought(slate.row(row)) for slate in self._slates.values())
        return chain(again, chain.from_iterable(shown))

    def purchased(self, admitted: Admitted) -> Purchased | None:
        """Return what the admitted customer did; None when the model does not know that."""
        row = self._customer_row(admitted)
        facts = self._facts
        if row is None or facts is None:
            return None
        bought = facts.bought.row(row)
        columns = (facts.spent, facts.first, facts.last)
        numbers = (column.item(row) for column in columns)
        return Purchased(bought.items, bought.scores, facts.orders.item(row), *numbers)

    def end_day(self) -> float | None:
        """Return the midnight that ends what was learned from; None where nobody knows it.

        In days since 1970. Reads a number of every customer.
        """
        last = None if self._facts is None else self._facts.last
        if last is None or not np.isfinite(last).any():
            return None
        return math.floor(float(np.nanmax(last))) + 1.0

    def neighbours(self, slate: ItemSlate, item_row: int) -> Candidates:
        """Return an item's neighbours; the reason for each is that item."""
        found = self._neighbours[slate].row(item_row)
        because = np.full(len(found), item_row, dtype=np.int32)
        return Candidates(found.items, found.scores, found.reasons, because)

    def neighbours_of_all(
        self, slate: ItemSlate, item_rows: Array, passing: Passing | None = None
    ) -> Candidates:
        """Return what passes of the neighbours of one item or more, unmerged.

        The reason of each is its item.
        """
        return self._neighbours[slate].joined(item_rows, passing)

    def nearest(self, item_rows: Array, most: int) -> tuple[Array, Array, Array]:
        """Return the first similar ones of several items, one item after the other.

        Their rows, how close each is, and the place in `item_rows` of the item that it is near.
        """  # (found,), (found,), (found,)
        similar = self._neighbours[ItemSlate.SIMILAR]
        places = similar.offsets[item_rows][:, None] + np.arange(most)
        there = places < similar.offsets[item_rows + 1][:, None]
        places = places[there]
        return similar.lists.items[places], similar.lists.scores[places], there.nonzero()[0]

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

    def _customer_row(self, admitted: Admitted) -> int | None:
        if not isinstance(admitted, Admitted) or admitted.purpose is not _PURPOSE:
            raise TypeError("a customer's list takes an admission to personalization")
        return self.customers.row(admitted.customer)


def _shown_as_bought(own: Candidates) -> list[int]:
    """Return what is due again in a customer's list, and what its reasons name as bought."""
    bought: list[int] = own.items[own.reasons == _DUE].tolist()
    if own.reason_items is not None:
        bought += own.reason_items[own.reasons == _BECAUSE].tolist()
    return bought
