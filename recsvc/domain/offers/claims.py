"""Claims: their states, and the refusals and failures of a claim request. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from recsvc.domain.values.ids import OfferId


class ClaimRefusal(StrEnum):
    """Reasons for refusing a claim."""

    NO_CONSENT = "no_consent"
    NOT_ELIGIBLE = "not_eligible"
    CHANNEL = "wrong_channel"
    WINDOW = "outside_window"
    ITEMS = "items_unavailable"
    CAPPED = "cap_reached"
    NOTHING_LEFT = "nothing_left"
    ENDED = "claim_ended"


# The other refusals would disclose an offer's conditions, or that the offer exists.
VISIBLE_TO_BROWSERS = frozenset(
    {ClaimRefusal.CAPPED, ClaimRefusal.NOTHING_LEFT, ClaimRefusal.ITEMS, ClaimRefusal.ENDED}
)


class ClaimState(StrEnum):
    HELD = "held"
    REDEEMED = "redeemed"
    RELEASED = "released"
    EXPIRED = "expired"
    CANCELLED = "cancelled"  # a redemption that was undone; it cannot be redeemed again


@dataclass(frozen=True, slots=True)
class Claim:
    """One redemption of an offer, held for a customer until `expires_at_us`."""

    claim_id: str
    offer_id: OfferId
    expires_at_us: int
    code: str | None = None
    channel: str | None = None
    state: ClaimState = ClaimState.HELD
    at_us: int | None = None


class ClaimFailure(StrEnum):
    """Results of a claim operation that are neither a claim nor a refusal of the offer."""

    CHANGED = "changed"  # the offer or the consent was changed after it was read: read it again
    KEY_REUSED = "key_reused"  # the Idempotency-Key was sent with a different request before
    NOT_FOUND = "not_found"  # no such offer or claim, or the claim is another customer's
