"""A loaded model: read-only rows of memory-mapped arrays, one object for a whole request.

What ranks for a person takes an `Admitted`; there is no other way to a customer's list here.
(`recsvc.model.registry.customer_rows` reads a version's files for the customer's own copy, and
serves nothing.)
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from recsvc.domain.catalogue.slates import CustomerSlate, ItemSlate, ReasonCode
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.consent.gate import Admitted
from recsvc.model.artifact.format import Array
from recsvc.model.artifact.manifest import Manifest
from recsvc.model.kernels.kernels import Near
from recsvc.model.registry.candidates import Candidates
from recsvc.model.registry.id_map import CustomerMap, IdMap

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
    near: Near = field(init=False)  # as kernels take it

    def __post_init__(self) -> None:
        near = (self.offsets, self.lists.items, self.lists.scores)
        object.__setattr__(self, "near", near)

    def row(self, row: int) -> Candidates:
        if row < 0:
            raise IndexError(f"there is no row {row}")
        lists = self.lists
        part = slice(self.offsets.item(row), self.offsets.item(row + 1))
        reason_items = None if lists.reason_items is None else lists.reason_items[part]
        return Candidates(lists.items[part], lists.scores[part], lists.reasons[part], reason_items)


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What is known of all customers, by row."""

    bought: Ragged
    orders: Array  # (customers,) int32
    spent: Array  # (customers,) float32, NaN: unknown
    first: Array  # (customers,) float32, days since 1970, NaN: unknown
    last: Array  # (customers,) as above


@dataclass(frozen=True, slots=True, eq=False)
class CustomerPurchases:
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


NOTHING_PURCHASED = CustomerPurchases(
    np.zeros(0, np.int32), np.zeros(0, np.float32), 0, 0.0, math.nan, math.nan
)


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
    # The usual days between two purchases of an item by one customer, NaN: nobody bought it again.
    intervals: Array = field(repr=False)  # (items,) float32; empty: the model says nothing of it
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

    def purchased(self, admitted: Admitted) -> CustomerPurchases | None:
        """Return what the admitted customer did; None when the model does not know that."""
        row = self._customer_row(admitted)
        facts = self._facts
        if row is None or facts is None:
            return None
        bought = facts.bought.row(row)
        columns = (facts.spent, facts.first, facts.last)
        numbers = (column.item(row) for column in columns)
        return CustomerPurchases(bought.items, bought.scores, facts.orders.item(row), *numbers)

    def end_day(self) -> float | None:
        """Return the midnight that ends what was learned from; None where nobody knows it.

        In days since 1970. Reads a number of every customer.
        """
        last = None if self._facts is None else self._facts.last
        if last is None or not np.isfinite(last).any():
            return None
        return math.floor(float(np.nanmax(last))) + 1.0

    def knows_prices(self) -> bool:
        """Whether what was bought is weighed by money. Reads a number of every customer."""
        return self._facts is not None and bool(np.isfinite(self._facts.spent).any())

    @property
    def knows_customers(self) -> bool:
        """Whether it says what customers did."""
        return self._facts is not None

    def neighbours(self, slate: ItemSlate, item_row: int) -> Candidates:
        """Return an item's neighbours; the reason for each is that item."""
        found = self._neighbours[slate].row(item_row)
        because = np.full(len(found), item_row, dtype=np.int32)
        return Candidates(found.items, found.scores, found.reasons, because)

    def near(self, slate: ItemSlate) -> Near:
        """Return the neighbours of all items, as kernels take them."""
        return self._neighbours[slate].near

    def arrays(self) -> Iterator[Array]:
        """Yield what requests about customers read, the most wanted first."""
        yield self.customers.letters
        for slate in CustomerSlate:
            own = self._slates[slate]
            yield from (own.offsets, own.lists.items, own.lists.reasons, own.lists.scores)
            if own.lists.reason_items is not None:
                yield own.lists.reason_items
        for near in self._neighbours.values():
            yield from (near.offsets, near.lists.items, near.lists.scores)

    def popular(self) -> Candidates:
        """Return the items that enough customers have bought, the most popular first."""
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
        erased_at_us = admitted.erasure_recorded_at_us
        if erased_at_us is not None and not self.manifest.is_later_than(erased_at_us):
            return None
        return self.customers.row(admitted.customer)


def _shown_as_bought(own: Candidates) -> list[int]:
    """Return what is due again in a customer's list, and what its reasons name as bought."""
    bought: list[int] = own.items[own.reasons == _DUE].tolist()
    if own.reason_items is not None:
        bought += own.reason_items[own.reasons == _BECAUSE].tolist()
    return bought
