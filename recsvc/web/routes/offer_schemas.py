"""Offers as the document shows them; `domain.offer_fields` reads, and says what is right."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from recsvc.domain.customers.profile import Value
from recsvc.domain.offers import eligibility_validation as eligibility_fields
from recsvc.domain.offers import offer_validation as offer_fields
from recsvc.domain.offers.offer import Kind
from recsvc.domain.values.validation import MAX_URL_LENGTH

Title = Annotated[str, Meta(min_length=1, max_length=offer_fields.MAX_TITLE_LENGTH)]
Description = Annotated[str, Meta(min_length=1, max_length=offer_fields.MAX_DESCRIPTION_LENGTH)]
Url = Annotated[str, Meta(min_length=1, max_length=MAX_URL_LENGTH)]
Label = Annotated[str, Meta(min_length=1, max_length=128)]
Labels = Annotated[list[Label], Meta(min_length=1, max_length=eligibility_fields.MAX_LABELS)]
Items = Annotated[list[str], Meta(min_length=1, max_length=eligibility_fields.MAX_ITEMS)]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Count = Annotated[int, Meta(ge=0, le=eligibility_fields.MAX_COUNT)]
Limit = Annotated[int, Meta(ge=1, le=eligibility_fields.MAX_COUNT)]
PerCustomer = Annotated[int, Meta(ge=1, le=eligibility_fields.MAX_PER_CUSTOMER)]
Days = Annotated[float, Meta(ge=0, le=eligibility_fields.MAX_DAYS)]
Period = Annotated[int, Meta(ge=1, le=eligibility_fields.MAX_DAYS)]
Worth = Annotated[float, Meta(ge=0, le=offer_fields.MAX_WORTH)]
Weight = Annotated[float, Meta(gt=0, le=offer_fields.MAX_WEIGHT)]
Priority = Annotated[int, Meta(ge=-offer_fields.MAX_PRIORITY, le=offer_fields.MAX_PRIORITY)]


class PeriodCapBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """At most `limit` for one customer within any `period_days` in a row; null: ever."""

    limit: PerCustomer
    period_days: Period | None = None


class CapsBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """How often an offer may be had and shown. null: as often as anybody likes."""

    per_customer: PeriodCapBody | None = None
    per_customer_shown: PeriodCapBody | None = None
    total_shown: Limit | None = None
    total_redeemed: Limit | None = None


class BoughtBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Items and categories of which a customer has bought any one."""

    items: Items | None = None
    categories: Labels | None = None


class EligibilityBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Which customers an offer is for: those of whom all of it is known to be so."""

    min_orders: Count | None = None
    max_orders: Count | None = None
    min_days_since_last_order: Days | None = None
    max_days_since_last_order: Days | None = None
    min_spent: Worth | None = None
    max_spent: Worth | None = None
    segments: Labels | None = None
    attributes: dict[str, Value | list[Value]] | None = None
    bought: BoughtBody | None = None
    not_bought: BoughtBody | None = None
    new_customers_only: bool = False
    birthday_month: bool = False
    anniversary_month: bool = False


class OfferBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a shop says of an offer. Without items, categories and brands it is for all items."""

    offer_id: str | UnsetType = UNSET
    title: Title
    kind: Kind
    description: Description | None = None
    url: Url | None = None
    image_url: Url | None = None
    value: Worth | None = None
    items: Items | None = None
    categories: Labels | None = None
    brands: Labels | None = None
    all: bool | None = None
    channels: Labels | None = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    priority: Priority = 0
    weight: Weight = 1.0
    margin: Worth | None = None
    caps: CapsBody | None = None
    codes: list[Label] | None = None
    eligibility: EligibilityBody | None = None
    exclusive_group: Label | None = None
    fallback: bool = False


class OfferLine(OfferBody, forbid_unknown_fields=True, kw_only=True):
    """One line: an offer with its id."""

    offer_id: str
