"""Offers of a shop: benefit, coverage, validity, caps, codes and eligibility. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from recsvc.domain.offers.eligibility import ANY_CUSTOMER, Eligibility
from recsvc.domain.values.ids import ItemId, OfferId


class Kind(StrEnum):
    """The kind of benefit."""

    PERCENT_OFF = "percent_off"
    AMOUNT_OFF = "amount_off"
    BUNDLE = "bundle"
    FREE_SHIPPING = "free_shipping"
    POINTS = "points"
    GIFT = "gift"
    CONTENT = "content"


@dataclass(frozen=True, slots=True)
class PeriodCap:
    """At most `limit` for one customer within any `period_days` days; None: in total."""

    limit: int
    period_days: int | None = None


@dataclass(frozen=True, slots=True)
class Caps:
    """Caps on claims and impressions. None: no cap."""

    per_customer: PeriodCap | None = None
    per_customer_shown: PeriodCap | None = None
    total_shown: int | None = None
    total_redeemed: int | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer, valid from `starts_at_us` until before `ends_at_us`.

    Times are microseconds since 1970; None: no limit. No channels: valid in every channel.
    `margin` is the value of an acceptance to the shop. `value` is the benefit to the customer, in
    the unit of the offer's kind. `exclusive_group`: a decision contains at most one of its offers.
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
    priority: int = 0  # a higher one is offered first, before any score
    weight: float = 1.0
    margin: float | None = None
    caps: Caps = Caps()
    codes: tuple[str, ...] = ()
    reuse_codes: bool = False  # a cancelled redemption gives its code back to the pool
    eligibility: Eligibility = ANY_CUSTOMER
    exclusive_group: str | None = None
    fallback: bool = False  # offered when no other offer is permitted

    @property
    def is_for_all_items(self) -> bool:
        return not (self.items or self.categories or self.brands)

    @property
    def is_generic(self) -> bool:
        """True without eligibility and codes: it can be shown without consent."""
        return self.eligibility == ANY_CUSTOMER and not self.codes
