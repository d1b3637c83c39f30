"""The lists that a shop can ask for, why an answer is generic, and why an item is in it."""

from enum import IntEnum, StrEnum


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
    """Why a list is not the one that was asked for, or not as long. Told to secret keys only."""

    NO_CONSENT = "no_consent"
    UNKNOWN_CUSTOMER = "unknown_customer"
    STORE_UNAVAILABLE = "store_unavailable"
    NO_MODEL = "no_model"
    FILTERED_OUT = "filtered_out"


class ReasonCode(IntEnum):
    """Why an item is in a list. The numbers stand in model artifacts: never renumber."""

    POPULAR = 0
    TRENDING = 1
    BECAUSE_YOU_BOUGHT = 2
    BUY_AGAIN_DUE = 3
    POPULAR_IN_CATEGORY = 4
    SIMILAR = 5
    BOUGHT_TOGETHER = 6
    BECAUSE_YOU_VIEWED = 7

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
