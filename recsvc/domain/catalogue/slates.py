"""The slates (kinds of list), the fallbacks of an answer, and the reasons of an item."""

from enum import IntEnum, StrEnum
from typing import assert_never


class CustomerSlate(StrEnum):
    FOR_YOU = "for_you"
    DISCOVER = "discover"
    BUY_AGAIN = "buy_again"


class ItemSlate(StrEnum):
    SIMILAR = "similar"
    BOUGHT_TOGETHER = "bought_together"


class AnonymousSlate(StrEnum):
    POPULAR = "popular"
    TRENDING = "trending"


Slate = CustomerSlate | ItemSlate | AnonymousSlate


class Fallback(StrEnum):
    """The reason why a list is anonymous or short. Reported to secret keys only."""

    NO_CONSENT = "no_consent"
    UNKNOWN_CUSTOMER = "unknown_customer"
    STORE_UNAVAILABLE = "store_unavailable"
    NO_MODEL = "no_model"
    FILTERED_OUT = "filtered_out"
    UNKNOWN_ITEM = "unknown_item"


class ReasonCode(IntEnum):
    """The reason why an item is in a list. Model artifacts store the numbers: never renumber."""

    POPULAR = 0
    TRENDING = 1
    BECAUSE_YOU_BOUGHT = 2
    BUY_AGAIN_DUE = 3
    POPULAR_IN_CATEGORY = 4
    SIMILAR = 5
    BOUGHT_TOGETHER = 6
    BECAUSE_YOU_VIEWED = 7
    UNKNOWN_ITEM = 8

    @property
    def label(self) -> str:
        return self.name.lower()

    @property
    def names_an_item(self) -> bool:
        return self in _NAMING


_NAMING = frozenset(
    {
        ReasonCode.BECAUSE_YOU_BOUGHT,
        ReasonCode.BECAUSE_YOU_VIEWED,
        ReasonCode.SIMILAR,
        ReasonCode.BOUGHT_TOGETHER,
    }
)


def reason_of(slate: ItemSlate | AnonymousSlate) -> ReasonCode:
    """Return the reason of every item on a public list of the slate."""
    match slate:
        case ItemSlate.SIMILAR:
            return ReasonCode.SIMILAR
        case ItemSlate.BOUGHT_TOGETHER:
            return ReasonCode.BOUGHT_TOGETHER
        case AnonymousSlate.POPULAR:
            return ReasonCode.POPULAR
        case AnonymousSlate.TRENDING:
            return ReasonCode.TRENDING
        case _:
            assert_never(slate)
