"""Inputs of offer decisions from purchases: items, and the facts of each customer."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recsvc.model.offers.inputs import CustomerFacts, WeightedRows
from recsvc.model.ranking.category_sets import CategorySets
from training.dataset.customer_items import CustomerItems, customer_items_of
from training.dataset.history import History, Rows
from training.dataset.interactions import Interactions
from training.lists.customer_facts import weights_of
from training.lists.item_lists import recent_orders

_NO_CODE = -1


class PurchasedItems:
    """The items of purchases. Purchases contain no brands."""

    def __init__(
        self,
        interactions: Interactions,
        known: History,
        memberships: Mapping[str, Sequence[str]],
    ) -> None:
        """`known`: the part of the history that may be used. `memberships`: category paths."""
        self._interactions = interactions
        self.popularity = recent_orders(known)  # (items,)
        categories = known.categories
        nothing = np.full(known.items_total, _NO_CODE, dtype=np.int64)
        self.categories: Rows = nothing if categories is None else categories
        self.brands: Rows = nothing
        self._sets = CategorySets()
        of_item = [memberships.get(item, ()) for item in interactions.item_ids]
        self.category_sets = np.array(
            [self._sets.put(None, paths) for paths in of_item], dtype=np.int32
        )

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {item: row for row, item in enumerate(self._interactions.item_ids)}

    def rows(self, item_ids: Sequence[str]) -> list[int | None]:
        return [self._rows.get(item) for item in item_ids]

    def sets_within(self, name: str) -> NDArray[np.int32]:
        return self._sets.sets_within(name)

    def brand(self, name: str) -> int | None:  # noqa: ARG002 - purchases contain no brand
        return None


class OfferFacts:
    """The facts of every customer at the end of a history."""

    def __init__(self, history: History) -> None:
        self._categories = history.categories
        self._pairs: CustomerItems = customer_items_of(history)
        self._weights = weights_of(history, self._pairs).astype(np.float64)
        customers = np.arange(history.customers_total + 1)
        self._offsets = np.searchsorted(self._pairs.customers, customers)

    def of(self, customer: int) -> CustomerFacts:
        part = slice(self._offsets[customer], self._offsets[customer + 1])
        bought = WeightedRows(self._pairs.items[part], self._weights[part])
        if self._categories is None:
            return CustomerFacts(bought)
        return CustomerFacts(bought, categories=_by_category(bought, self._categories))


def _by_category(bought: WeightedRows, categories: Rows) -> WeightedRows:
    codes = categories[bought.rows]
    known = codes >= 0
    sums = np.bincount(codes[known], bought.weights[known])
    held = np.flatnonzero(sums)
    return WeightedRows(held, sums[held])
