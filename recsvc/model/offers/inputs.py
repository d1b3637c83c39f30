"""What a decision is told: of the customer, of how the offers have done, and what is asked for.

Plain values. Whoever makes `CustomerFacts` holds an admission to personalization and to offers,
and leaves out what is sensitive: what is in them may become a reason that the customer reads.
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
    """Rows, each once, and what each is worth: all in one unit, as money spent."""

    rows: Array  # (k,) int64
    weights: Array  # (k,) float64, not below 0


def no_rows() -> WeightedRows:
    return WeightedRows(np.zeros(0, dtype=np.int64), np.zeros(0))


@dataclass(frozen=True, slots=True, eq=False)
class CustomerFacts:
    """`bought`: item rows, what was spent on each, halved with every half-life of its age;
    `knows_bought`: whether that is all that was bought.
    `expected`: item rows that a model thinks likely, in the same unit. `categories`: category codes
    of what was bought, in the same unit.

    None says that it is not known. Counts are those within the period that the offer's cap names.
    """

    bought: WeightedRows = field(default_factory=no_rows)
    knows_bought: bool = False
    expected: WeightedRows = field(default_factory=no_rows)
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
    """How the offers have done with all customers: by offer, what is missing is none.

    `redeemed`: claims that are held or redeemed. `accepted`: showings that led to something.
    `codes_left` names every offer that has codes.
    """

    shown: Mapping[OfferId, int] = field(default_factory=dict)
    accepted: Mapping[OfferId, int] = field(default_factory=dict)
    redeemed: Mapping[OfferId, int] = field(default_factory=dict)
    codes_left: Mapping[OfferId, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """What is asked for. Without a channel, every offer has the right one."""

    now_us: int
    n: int = 10
    channel: str | None = None
