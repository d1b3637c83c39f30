"""Offers as written by the shop and as stored: with codes and counters. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from recsvc.domain.offers.offer import Offer


@dataclass(frozen=True, slots=True)
class NewOffer:
    """An offer to be written. `codes` replaces the pool of codes; None leaves it unchanged."""

    offer: Offer
    codes: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class OfferState:
    """The counters and versions of one stored offer.

    `incarnation` is the number of the first write after a deletion, `revision` of the latest write.
    `taken` counts claims held or redeemed. `is_exhausted`: nothing was left at the last count.
    From `first_hold_end_us` on, an ended hold has freed a claim, even before the next count.
    """

    incarnation: int
    revision: int
    taken: int = 0
    redeemed: int = 0
    shown: int = 0
    accepted: int = 0
    is_exhausted: bool = False
    has_codes: bool = False
    codes_left: int = 0
    first_hold_end_us: int | None = None


@dataclass(frozen=True, slots=True)
class StoredOffer:
    """An offer and its counters. `offer.codes` is a placeholder: only its truth value counts."""

    offer: Offer
    state: OfferState
