"""What a shop says of an offer, for the document alone.

`domain.offer_fields` reads, since it can say what is wrong and what would be right.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from recsvc.domain import eligibility_fields, offer_fields
from recsvc.domain.ids import MAX_ID_BYTES
from recsvc.domain.labels import MAX_LABEL_LENGTH

Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID_BYTES)]
Label = Annotated[str, Meta(min_length=1, max_length=MAX_LABEL_LENGTH)]
Items = Annotated[list[Id], Meta(min_length=1, max_length=eligibility_fields.MAX_ITEMS)]
Labels = Annotated[list[Label], Meta(min_length=1, max_length=eligibility_fields.MAX_LABELS)]
Count = Annotated[int, Meta(ge=1, le=eligibility_fields.MAX_COUNT)]
Orders = Annotated[int, Meta(ge=0, le=eligibility_fields.MAX_COUNT)]
Days = Annotated[float, Meta(ge=0, le=eligibility_fields.MAX_DAYS)]
Worth = Annotated[float, Meta(ge=0, le=offer_fields.MAX_WORTH)]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
KindName = Literal[
    "percent_off", "amount_off", "bundle", "free_shipping", "points", "gift", "content"
]


class PeriodCapBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """At most `limit` for one customer within any `period_days` in a row; null: ever."""

    limit: Annotated[int, Meta(ge=1, le=eligibility_fields.MAX_PER_CUSTOMER)]
    period_days: Annotated[int, Meta(ge=1, le=eligibility_fields.MAX_DAYS)] | None = None


class CapsBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What is not named is not limited. Redemptions: claims held or redeemed."""

    per_customer: PeriodCapBody | None = None
    per_customer_shown: PeriodCapBody | None = None
    total_shown: Count | None = None
    total_redeemed: Count | None = None


class BoughtBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Any one of these."""

    items: Items | None = None
    categories: Labels | None = None


class EligibilityBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Whom the offer is for: those who meet all that is said."""

    min_orders: Orders | None = None
    max_orders: Orders | None = None
    min_days_since_last_order: Days | None = None
    max_days_since_last_order: Days | None = None
    min_spent: Worth | None = None
    max_spent: Worth | None = None
    segments: Labels | None = None
    attributes: dict[str, Any] | None = None
    bought: BoughtBody | None = None
    not_bought: BoughtBody | None = None
    new_customers_only: bool = False
    birthday_month: bool = False
    anniversary_month: bool = False


class OfferBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a shop says of an offer."""

    offer_id: str | UnsetType = UNSET
    title: Annotated[str, Meta(min_length=1, max_length=offer_fields.MAX_TITLE_LENGTH)]
    kind: KindName
    description: str | None = None
    url: str | None = None
    image_url: str | None = None
    value: Worth | None = None
    items: Items | None = None
    categories: Labels | None = None
    brands: Labels | None = None
    all: bool | None = None
    channels: Labels | None = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    priority: int = 0
    weight: Annotated[float, Meta(gt=0, le=offer_fields.MAX_WEIGHT)] = 1.0
    margin: Worth | None = None
    caps: CapsBody | None = None
    codes: list[Label] | None = None
    eligibility: EligibilityBody | None = None
    exclusive_group: Label | None = None
    fallback: bool = False


class OfferLine(OfferBody, forbid_unknown_fields=True, kw_only=True):
    """One line: an offer with its id."""

    offer_id: str
