"""What became of an offer in a decision, at which step, and why, in words. Pure."""

from enum import StrEnum


class VerdictStep(StrEnum):
    """The steps of a decision, in their order. The first that refuses an offer is told."""

    CONSENT = "consent"
    WINDOW = "window"
    CHANNEL = "channel"
    ELIGIBILITY = "eligibility"
    DISMISSED = "dismissed"
    REDEEMED = "redeemed"  # as often as the customer may
    SHOWN = "shown"  # as often as the customer shall see it
    TOTAL_SHOWN = "total_shown"
    TOTAL_REDEEMED = "total_redeemed"
    CODES = "codes"  # none is left
    EXCLUSIVE_GROUP = "exclusive_group"
    ARBITRATION = "arbitration"
    FALLBACK = "fallback"


class Verdict(StrEnum):
    OFFERED = "offered"
    REFUSED = "refused"  # it was not to be offered
    OUTRANKED = "outranked"  # it could have been, and others were better


class OfferReason(StrEnum):
    """Why an offer is in an answer, for the customer to see."""

    YOU_BUY = "because_you_buy"  # names an item
    SUITS_YOU = "suits_you"  # by what a model expects, or by category
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
    """Return the words for a customer. `title`: of the item that the reason names."""
    if reason.names_an_item and title:
        return f"Because you often buy {title}"
    return _TEXTS[reason]
