"""A loaded model: read-only, memory-mapped arrays; one object serves a whole request.

A customer's lists and purchases require an `Admitted`; no other function here returns them.
(`recsvc.model.registry.customer_rows` reads a version's files for a customer's data export and
serves nothing.)
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import assert_never

import numpy as np

from recsvc.domain.catalogue.slates import (
    AnonymousSlate,
    CustomerSlate,
    ItemSlate,
    ReasonCode,
    Slate,
)
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.consent.gate import Admitted
from recsvc.model.artifact.artifact import CustomersPurchases, RankedLists
from recsvc.model.artifact.format import Array
from recsvc.model.artifact.manifest import Manifest
from recsvc.model.kernels.kernels import HistoryArrays, NeighbourArrays
from recsvc.model.registry.candidates import Candidates, candidates_of
from recsvc.model.registry.id_map import CustomerMap, IdMap

_PURPOSE = Purpose.PERSONALIZATION
# Plain ints: numpy compares an array with an enum member at five times the cost.
_DUE, _BECAUSE = int(ReasonCode.BUY_AGAIN_DUE), int(ReasonCode.BECAUSE_YOU_BOUGHT)

_NOTHING = Candidates(np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros(0, np.uint8))
_NO_NEIGHBOURS: NeighbourArrays = (np.zeros(1, np.int64), _NOTHING.items, _NOTHING.scores)


@dataclass(frozen=True, slots=True, eq=False)
class CustomerPurchases:
    """One customer's purchases up to the end of the training data.

    The weight of an item is the money spent on it, halved for every 90 days between the purchase
    and that end.
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
    """One version of one shop's model. Only `loader.load` makes one, after all checks.

    `_slates`, `_neighbours` and `_top_lists` lack a slate that the version has no arrays for.
    `_top_lists` always has `popular`.
    """

    manifest: Manifest
    items: IdMap
    customers: CustomerMap
    categories: IdMap
    _slates: Mapping[CustomerSlate, RankedLists] = field(repr=False)
    _neighbours: Mapping[ItemSlate, RankedLists] = field(repr=False)
    _category_popular: RankedLists = field(repr=False)
    _top_lists: Mapping[AnonymousSlate, Candidates] = field(repr=False)
    # Median days between two purchases of an item by one customer, NaN: never bought again.
    intervals: Array = field(repr=False)  # (items,) float32; empty: unknown
    _purchases: CustomersPurchases | None = field(repr=False)
    appeal: Array = field(repr=False)  # (items,) float32, popularity factor of a vote
    history_arrays: HistoryArrays = field(repr=False)  # as `kernels.fold_in` takes them

    # Seconds since 1970; None: the data has no times.
    data_end_seconds: float | None = None
    # Of purchases since then, for customers of the model; None: not judged.
    purchases_share: float | None = None

    @property
    def version(self) -> str:
        return self.manifest.version

    def has_slate(self, slate: Slate) -> bool:
        """Return False if the version was published without lists of this slate."""
        match slate:
            case CustomerSlate():
                return slate in self._slates
            case ItemSlate():
                return slate in self._neighbours
            case AnonymousSlate():
                return slate in self._top_lists
            case _:
                assert_never(slate)

    def knows(self, admitted: Admitted) -> bool:
        """Return whether the model has lists of the admitted customer."""
        return self._customer_row(admitted) is not None

    def customer_slate(self, admitted: Admitted, slate: CustomerSlate) -> Candidates | None:
        """Return the admitted customer's list; None if the customer or the slate is unknown."""
        row, lists = self._customer_row(admitted), self._slates.get(slate)
        return None if row is None or lists is None else candidates_of(lists, row)

    def bought(self, admitted: Admitted) -> Iterator[int]:
        """Yield the items that the customer's own lists show as bought, possibly repeated.

        Items of `buy_again` come first, the soonest due before the others. Each list is read
        only when the iteration reaches it.
        """
        row = self._customer_row(admitted)
        if row is None:
            return iter(())
        buy_again = self._slates.get(CustomerSlate.BUY_AGAIN)
        again = [] if buy_again is None else candidates_of(buy_again, row).items.tolist()
        shown = (_shown_as_bought(candidates_of(slate, row)) for slate in self._slates.values())
        return chain(again, chain.from_iterable(shown))

    def purchased(self, admitted: Admitted) -> CustomerPurchases | None:
        """Return the admitted customer's purchases; None if the model has none."""
        row = self._customer_row(admitted)
        purchases = self._purchases
        if row is None or purchases is None:
            return None
        bought = candidates_of(purchases.bought, row)
        columns = (purchases.spent, purchases.first, purchases.last)
        numbers = (column.item(row) for column in columns)
        return CustomerPurchases(bought.items, bought.scores, purchases.orders.item(row), *numbers)

    def end_day(self) -> float | None:
        """Return the midnight that ends the training data, in days since 1970; None if unknown.

        Reads one number per customer.
        """
        last = None if self._purchases is None else self._purchases.last
        if last is None or not np.isfinite(last).any():
            return None
        return math.floor(float(np.nanmax(last))) + 1.0

    def knows_prices(self) -> bool:
        """Return whether purchases are weighted by money. Reads one number per customer."""
        return self._purchases is not None and bool(np.isfinite(self._purchases.spent).any())

    @property
    def has_purchases(self) -> bool:
        """Whether the model stores customers' purchases."""
        return self._purchases is not None

    def neighbours(self, slate: ItemSlate, item_row: int) -> Candidates:
        """Return an item's neighbours; that item is the reason of each.

        A slate that the version lacks has no neighbours.
        """
        lists = self._neighbours.get(slate)
        if lists is None:
            return _NOTHING
        found = candidates_of(lists, item_row)
        reason_items = np.full(len(found), item_row, dtype=np.int32)
        return Candidates(found.items, found.scores, found.reasons, reason_items)

    def neighbour_arrays(self, slate: ItemSlate) -> NeighbourArrays:
        """Return the neighbours of all items as the kernels take them.

        The arrays of a slate that the version lacks cover no item row.
        """
        lists = self._neighbours.get(slate)
        return _NO_NEIGHBOURS if lists is None else lists.arrays

    def arrays(self) -> Iterator[Array]:
        """Yield the arrays that customer requests read, the most used first."""
        yield self.customers.letters
        for own in self._slates.values():
            arrays = (own.offsets, own.items, own.reasons, own.scores, own.reason_items)
            yield from (array for array in arrays if array is not None)
        yield from self.history_arrays
        for neighbours in self._neighbours.values():
            yield from neighbours.arrays

    def popular(self) -> Candidates:
        """Return the items bought by at least k customers (k-anonymity), most popular first."""
        return self._top_lists[AnonymousSlate.POPULAR]

    def trending(self) -> Candidates:
        return self._top_lists.get(AnonymousSlate.TRENDING, _NOTHING)

    def category_popular(self, name: str) -> Candidates | None:
        """Return a category's popular items; None if the model does not know the category."""
        row = self.categories.row(name)
        return None if row is None else candidates_of(self._category_popular, row)

    def _customer_row(self, admitted: Admitted) -> int | None:
        if not isinstance(admitted, Admitted) or admitted.purpose is not _PURPOSE:
            raise TypeError("a customer's list takes an admission to personalization")
        erased_at_us = admitted.erasure_recorded_at_us
        if erased_at_us is not None and not self.manifest.is_later_than(erased_at_us):
            return None
        return self.customers.row(admitted.customer)


def _shown_as_bought(own: Candidates) -> list[int]:
    """Return the items due for repurchase, and the items that "because you bought" names."""
    bought: list[int] = own.items[own.reasons == _DUE].tolist()
    if own.reason_items is not None:
        bought += own.reason_items[own.reasons == _BECAUSE].tolist()
    return bought
