"""Offers as they are put and kept: with their codes, and with what has been counted. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from recsvc.domain.offers.offer import Offer


@dataclass(frozen=True, slots=True)
class NewOffer:
    """An offer as it is put. `codes` None: those that there are stay; else the pool is these."""

    offer: Offer
    codes: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class OfferState:
    """What has been counted of an offer, and which one it is.

    `incarnation` is of the first put after a deletion, `revision` of the last one. `taken`: held
    or redeemed. `is_out`: nothing was left at the last count; a hold that ends at `free_from_us`
    gives one back, also before anybody has counted it.
    """

    incarnation: int
    revision: int
    taken: int = 0
    redeemed: int = 0
    shown: int = 0
    accepted: int = 0
    is_out: bool = False
    has_codes: bool = False
    codes_left: int = 0
    free_from_us: int | None = None


@dataclass(frozen=True, slots=True)
class StoredOffer:
    """An offer with what was counted of it. Its `codes` only say whether it has any."""

    offer: Offer
    state: OfferState
