"""Claims: what becomes of one, and why one is refused. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from recsvc.domain.values.ids import OfferId


class Refusal(StrEnum):
    """Why a claim is refused."""

    NO_CONSENT = "no_consent"
    NOT_ELIGIBLE = "not_eligible"
    CHANNEL = "wrong_channel"
    WINDOW = "outside_window"
    CAPPED = "cap_reached"
    NOTHING_LEFT = "nothing_left"
    ENDED = "claim_ended"


# What a browser may be told of: the rest would tell who an offer is for, or that there is one.
TOLD_TO_BROWSERS = frozenset({Refusal.CAPPED, Refusal.NOTHING_LEFT, Refusal.ENDED})


class ClaimState(StrEnum):
    HELD = "held"
    REDEEMED = "redeemed"
    RELEASED = "released"
    EXPIRED = "expired"


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


class Changed:
    """What was decided on has changed: read it, and decide anew."""


class KeyReused:
    """The Idempotency-Key came with another request before."""


class Unknown:
    """There is no such claim, or offer; or it is not this customer's."""


CHANGED, KEY_REUSED, UNKNOWN = Changed(), KeyReused(), Unknown()
