"""Verdicts on an offer in a decision, the steps that reach them, and reasons in words. Pure."""

from enum import StrEnum


class VerdictStep(StrEnum):
    """The steps of a decision, in their order. The first that refuses an offer is reported."""

    CONSENT = "consent"
    WINDOW = "window"
    CHANNEL = "channel"
    ITEMS = "items"  # no covered item is available
    ELIGIBILITY = "eligibility"
    DISMISSED = "dismissed"
    REDEEMED = "redeemed"  # per-customer cap on claims
    SHOWN = "shown"  # per-customer cap on impressions
    TOTAL_SHOWN = "total_shown"
    TOTAL_REDEEMED = "total_redeemed"
    CODES = "codes"  # no code is left
    EXCLUSIVE_GROUP = "exclusive_group"
    ARBITRATION = "arbitration"
    FALLBACK = "fallback"


class Verdict(StrEnum):
    OFFERED = "offered"
    REFUSED = "refused"  # not permitted
    OUTRANKED = "outranked"  # permitted, but other offers scored higher


class OfferReason(StrEnum):
    """Reasons for an offer, as shown to the customer."""

    YOU_BUY = "because_you_buy"  # names an item
    SUITS_YOU = "suits_you"  # by category
    POPULAR = "popular"
    FOR_EVERYBODY = "for_everybody"

    @property
    def names_an_item(self) -> bool:
        return self is OfferReason.YOU_BUY


_TEXTS = {
    OfferReason.YOU_BUY: "Because you often buy this",
    OfferReason.SUITS_YOU: "Because you often buy things like these",
    OfferReason.POPULAR: "Popular with our customers",
    OfferReason.FOR_EVERYBODY: "For all our customers",
}


def reason_text(reason: OfferReason, title: str | None = None) -> str:
    """Return the reason as shown to the customer. `title`: of the item that the reason names."""
    if reason.names_an_item and title:
        return f"Because you often buy {title}"
    return _TEXTS[reason]
