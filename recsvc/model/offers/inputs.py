"""Inputs of a decision: customer facts, offer counters and the request.

Plain values. Build `CustomerFacts` only with an admission to personalization and offers, and leave
out sensitive items: the facts may become a reason that the customer reads.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from recsvc.domain.customers.profile import NO_PROFILE, Profile
from recsvc.domain.values.ids import OfferId
from recsvc.model.artifact.format import Array

HALF_LIFE_DAYS = 90.0  # of a purchase


@dataclass(frozen=True, slots=True, eq=False)
class WeightedRows:
    """Distinct rows and their weights, all in one unit, such as money spent."""

    rows: Array  # (k,) int64
    weights: Array  # (k,) float64, not below 0


def no_rows() -> WeightedRows:
    return WeightedRows(np.zeros(0, dtype=np.int64), np.zeros(0))


@dataclass(frozen=True, slots=True, eq=False)
class CustomerFacts:
    """Facts about an admitted customer. None: unknown.

    `bought`: decayed spend by item row (half-life `HALF_LIFE_DAYS`). `knows_bought`: it contains
    every purchase. `categories`: spend by category code, in the unit of `bought`.
    `redeemed` and `shown` count within the period of each offer's cap.
    """

    bought: WeightedRows = field(default_factory=no_rows)
    knows_bought: bool = False
    categories: WeightedRows = field(default_factory=no_rows)
    orders: int | None = None
    days_since_last_order: float | None = None
    spent: float | None = None
    profile: Profile = NO_PROFILE
    dismissed: Collection[OfferId] = frozenset()
    redeemed: Mapping[OfferId, int] = field(default_factory=dict)
    shown: Mapping[OfferId, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class OfferCounters:
    """Counters over all customers, by offer; a missing offer counts 0.

    `taken`: claims held or redeemed. `accepted`: impressions that were accepted. `codes_left`
    contains every offer with codes.
    """

    shown: Mapping[OfferId, int] = field(default_factory=dict)
    accepted: Mapping[OfferId, int] = field(default_factory=dict)
    taken: Mapping[OfferId, int] = field(default_factory=dict)
    codes_left: Mapping[OfferId, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """A request for `n` offers. `channel` None: offers of every channel."""

    now_us: int
    n: int = 10
    channel: str | None = None
