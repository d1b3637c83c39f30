"""Offers: what a shop may put before a customer, for whom, for how long and how often. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from recsvc.domain.customers.profile import Value
from recsvc.domain.values.ids import ItemId, OfferId


class Kind(StrEnum):
    """What a customer gets."""

    PERCENT_OFF = "percent_off"
    AMOUNT_OFF = "amount_off"
    BUNDLE = "bundle"
    FREE_SHIPPING = "free_shipping"
    POINTS = "points"
    GIFT = "gift"
    CONTENT = "content"


@dataclass(frozen=True, slots=True)
class PeriodCap:
    """At most `limit` for one customer within any `period_days` in a row; None: ever."""

    limit: int
    period_days: int | None = None


@dataclass(frozen=True, slots=True)
class Caps:
    """How often an offer may be had and shown. None: as often as anybody likes."""

    per_customer: PeriodCap | None = None
    per_customer_shown: PeriodCap | None = None
    total_shown: int | None = None
    total_redeemed: int | None = None


@dataclass(frozen=True, slots=True)
class Bought:
    """Items and categories of which a customer has bought any one."""

    items: tuple[ItemId, ...] = ()
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Which customers an offer is for: those who meet all that is said. Limits are inclusive.

    A customer of whom it is not known whether a condition is met does not meet it. Months are
    those of UTC.
    """

    min_orders: int | None = None
    max_orders: int | None = None
    min_days_since_last_order: float | None = None
    max_days_since_last_order: float | None = None
    min_spent: float | None = None
    max_spent: float | None = None
    segments: tuple[str, ...] = ()  # any one of them
    attributes: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)  # each, any value
    bought: Bought = Bought()
    not_bought: Bought = Bought()
    new_customers_only: bool = False  # without any order
    birthday_month: bool = False
    anniversary_month: bool = False  # of becoming a customer, from the next year on


ANY_CUSTOMER = Eligibility()


@dataclass(frozen=True, slots=True)
class Offer:
    """One offer. It holds from `starts_at_us` on and no longer at `ends_at_us`.

    Both are microseconds since 1970; None: without that end. Without channels it is for every
    channel. `margin` is what an acceptance is worth to the shop; `value`, what it is worth to the
    customer, in the units of its kind.
    """

    offer_id: OfferId
    title: str
    kind: Kind
    description: str | None = None
    url: str | None = None
    image_url: str | None = None
    value: float | None = None
    items: tuple[ItemId, ...] = ()
    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    starts_at_us: int | None = None
    ends_at_us: int | None = None
    priority: int = 0  # the higher first, whatever else is said
    weight: float = 1.0
    margin: float | None = None
    caps: Caps = Caps()
    codes: tuple[str, ...] = ()
    eligibility: Eligibility = ANY_CUSTOMER
    exclusive_group: str | None = None  # of which an answer holds one
    fallback: bool = False  # shown when nothing else is

    @property
    def is_for_all_items(self) -> bool:
        return not (self.items or self.categories or self.brands)

    @property
    def is_generic(self) -> bool:
        """Whether it can be shown to who permits nothing personal."""
        return self.eligibility == ANY_CUSTOMER and not self.codes
