"""Builders of offers and customers for tests."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recsvc.domain.offers.offer import Kind, Offer
from recsvc.domain.values.ids import ItemId, OfferId
from recsvc.model.artifact.format import Array
from recsvc.model.offers.columns import OfferColumns, columns_of
from recsvc.model.offers.decision import OfferDecision, decide
from recsvc.model.offers.inputs import CustomerFacts, DecisionRequest, OfferCounters, WeightedRows
from recsvc.model.offers.performance import performance_of

NOON_US = 1_767_268_800_000_000  # 2026-01-01T12:00:00Z
DAY_US = 86_400_000_000


class Items:
    """Items `i0`, `i1` …: item n has category n % 3 and brand n % 2; higher n are more popular.

    The categories `c0` and `c1` are children of `parent`.
    """

    def __init__(self, size: int = 12) -> None:
        self.popularity = np.arange(size, dtype=np.float64)
        self.categories = np.arange(size) % 3
        self.category_sets = (np.arange(size) % 3).astype(np.int32)
        self.brands = np.arange(size) % 2

    def rows(self, item_ids: Sequence[str]) -> list[int | None]:
        known = {f"i{row}": row for row in range(len(self.popularity))}
        return [known.get(item) for item in item_ids]

    def sets_within(self, name: str) -> Array:
        return np.array({"c0": [0], "c1": [1], "c2": [2], "parent": [0, 1]}.get(name, []), np.int32)

    def brand(self, name: str) -> int | None:
        return {"b0": 0, "b1": 1}.get(name)


def offer(offer_id: str = "offer", *items: int, **fields: Any) -> Offer:
    """Build an offer on items by number; without items, on all."""
    named = tuple(ItemId(f"i{row}") for row in items)
    return Offer(
        OfferId(offer_id), **{"title": offer_id, "kind": Kind.GIFT, "items": named, **fields}
    )


def weighted(weights: Mapping[int, float]) -> WeightedRows:
    rows = np.array(list(weights), dtype=np.int64)
    return WeightedRows(rows, np.array(list(weights.values()), dtype=np.float64))


def buyer(bought: Mapping[int, float] | None = None, **known: Any) -> CustomerFacts:
    """Build the facts of a customer with a spend by item number."""
    spent = weighted(bought or {})
    categories: dict[int, float] = {}
    for row, weight in zip(spent.rows.tolist(), spent.weights.tolist(), strict=True):
        categories[row % 3] = categories.get(row % 3, 0.0) + weight
    return CustomerFacts(**{"bought": spent, "categories": weighted(categories), **known})


def columns(*offers: Offer) -> OfferColumns:
    return columns_of(offers, Items())


def decision(
    offers: Sequence[Offer],
    facts: CustomerFacts | None,
    *,
    counters: OfferCounters | None = None,
    generator: np.random.Generator | None = None,
    **fields: Any,
) -> OfferDecision:
    made = columns(*offers)
    request = DecisionRequest(**{"now_us": NOON_US, **fields})
    return decide(
        made, performance_of(made, counters or OfferCounters()), facts, request, generator
    )


def offered(offers: Sequence[Offer], facts: CustomerFacts | None = None, **how: Any) -> list[str]:
    """Return the ids of the chosen offers, best first."""
    return [choice.offer_id for choice in decision(offers, facts, **how).choices]
