"""How the trainer treats each customer slate. No other module of the trainer decides by slate.

A new slate needs a line in `RULES` and a title in `report/names.py`. Models and families are given
by name, because this package may not import the recommenders.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

import numpy as np

from recsvc.domain.catalogue.slates import CustomerSlate
from training.dataset.history import Flags


class Shows(StrEnum):
    """The items that a slate may show to a customer."""

    ALL = "all"
    UNSEEN = "unseen"  # never bought by the customer
    OWNED = "owned"  # bought by the customer


@dataclass(frozen=True, slots=True)
class SlateRule:
    """`learning_windows` and `rows_per_customer` limit the training rows of the slate's rankers."""

    slate: CustomerSlate
    shows: Shows
    competing_families: frozenset[str]  # of base models
    variants: tuple[str, ...]  # of the ranker
    learning_windows: int
    rows_per_customer: int  # candidates of one window
    default_model: str  # published when the history is too short to compare models
    top_up: bool  # short lists are filled with popular items

    def shown(self, owned: Flags) -> Flags:
        """Mark the items that the slate may show; `owned` marks the customer's own items."""
        match self.shows:
            case Shows.ALL:
                return np.ones_like(owned)
            case Shows.UNSEEN:
                return ~owned
            case Shows.OWNED:
                return owned
        assert_never(self.shows)


# First purchases are rare, so `discover` learns from more windows; older habits mislead the others.
# More rows per customer gain little for `for_you` and nothing for the others (on past windows).
# Own purchases say nothing about new items, so personal models do not compete for `discover`.
RULES: Mapping[CustomerSlate, SlateRule] = {
    rule.slate: rule
    for rule in (
        SlateRule(
            slate=CustomerSlate.FOR_YOU,
            shows=Shows.ALL,
            competing_families=frozenset({"popularity", "personal", "collaborative"}),
            variants=("ranker", "ranker_without_items"),
            learning_windows=3,
            rows_per_customer=60,
            default_model="decayed_personal",
            top_up=True,
        ),
        SlateRule(
            slate=CustomerSlate.DISCOVER,
            shows=Shows.UNSEEN,
            competing_families=frozenset({"popularity", "collaborative"}),
            variants=("ranker", "ranker_monotone", "ranker_without_items", "ranker_scores"),
            learning_windows=6,
            rows_per_customer=40,
            default_model="item_neighbours",
            top_up=True,
        ),
        SlateRule(
            slate=CustomerSlate.BUY_AGAIN,
            shows=Shows.OWNED,
            competing_families=frozenset({"popularity", "personal", "collaborative"}),
            variants=("ranker",),
            learning_windows=3,
            rows_per_customer=40,
            default_model="decayed_personal",
            top_up=False,
        ),
    )
}

# The slate that may show every item: its purchases are all purchases of a window.
OF_ALL_ITEMS = next(slate for slate, rule in RULES.items() if rule.shows is Shows.ALL)

# A customer without purchases gets popular items in these slates.
TOPPED_UP = tuple(slate for slate, rule in RULES.items() if rule.top_up)


def slates_showing(shows: Shows) -> list[CustomerSlate]:
    return [slate for slate, rule in RULES.items() if rule.shows is shows]
