"""What a recommendation answer is made of. These structs go out as JSON as they are."""

import msgspec

from recsvc.domain.slates import Fallback


class Reason(msgspec.Struct, frozen=True):
    """Why an item is in a list; `item_id` where another item is the reason."""

    code: str
    item_id: str | None = None


class RecommendedItem(msgspec.Struct, frozen=True):
    item_id: str
    score: float
    reason: Reason


class Answer(msgspec.Struct, frozen=True):
    """A list, what it really is, and why it is not the one that was asked for."""

    model_version: str | None
    slate: str
    personalized: bool
    fallback: Fallback | None
    items: list[RecommendedItem]
