"""What counts towards the caps of one customer, and how much of it does at a moment. Pure.

As the store keeps it: `taken:<offer>` → `<incarnation> <claim>,<at>,<end of the hold, or 0>…`,
`shown:<offer>` → `<incarnation> <at>…`, `dismissed:<offer>` → `<incarnation> <at>`,
`codes:<offer>` → the incarnation and codes that were handed out and may come back, a line each.
What is about an earlier offer of that id counts for nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from recsvc.domain.offers.offer import PeriodCap
from recsvc.domain.offers.stored_offer import StoredOffer
from recsvc.domain.values.ids import OfferId

DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class CountedClaim:
    """A claim that is held until `until_us`, or (None) redeemed."""

    claim_id: str
    at_us: int
    until_us: int | None


@dataclass(frozen=True, slots=True)
class OfferHistory:
    """What is known of one customer and one offer, by when it happened."""

    incarnation: int
    taken: tuple[CountedClaim, ...] = ()
    shown_us: tuple[int, ...] = ()
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CapCounts:
    """What a decision is told. Counts are those within the period that the offer's cap names."""

    redeemed: Mapping[OfferId, int] = field(default_factory=dict)
    shown: Mapping[OfferId, int] = field(default_factory=dict)
    dismissed: frozenset[OfferId] = frozenset()


@dataclass(frozen=True, slots=True)
class CustomerCaps:
    """All that is kept of one customer, by offer."""

    taken: Mapping[OfferId, OfferHistory] = field(default_factory=dict)
    shown: Mapping[OfferId, OfferHistory] = field(default_factory=dict)
    dismissed: Mapping[OfferId, OfferHistory] = field(default_factory=dict)
    codes: Mapping[OfferId, OfferHistory] = field(default_factory=dict)

    def counts(self, offers: Mapping[OfferId, StoredOffer], now_us: int) -> CapCounts:
        """Count what stands against the offers at `now_us`."""
        taken, shown = (_of_current_offers(each, offers) for each in (self.taken, self.shown))
        return CapCounts(
            {
                offer: _claims_counted(kept, offers[offer].offer.caps.per_customer, now_us)
                for offer, kept in taken.items()
            },
            {
                offer: _count_in_period(
                    kept.shown_us, offers[offer].offer.caps.per_customer_shown, now_us
                )
                for offer, kept in shown.items()
            },
            frozenset(_of_current_offers(self.dismissed, offers)),
        )


def decode_caps(fields: Sequence[bytes]) -> CustomerCaps:
    """Read field, value, field, value; raise ValueError for what is not ours."""
    kept: dict[str, dict[OfferId, OfferHistory]] = {kind: {} for kind in _DECODERS}
    for name, value in zip(fields[::2], fields[1::2], strict=True):
        kind, _, offer_id = name.decode().partition(":")
        if kind in _DECODERS:
            kept[kind][OfferId(offer_id)] = _DECODERS[kind](value.decode())
    return CustomerCaps(**kept)


def _decode_claims(text: str) -> OfferHistory:
    incarnation, *words = text.split(" ")
    return OfferHistory(int(incarnation), taken=tuple(map(_decode_claim, words)))


def _decode_times(text: str) -> OfferHistory:
    incarnation, *words = text.split(" ")
    return OfferHistory(int(incarnation), shown_us=tuple(map(int, words)))


def _decode_codes(text: str) -> OfferHistory:
    incarnation, *codes = text.split("\n")
    return OfferHistory(int(incarnation), codes=tuple(codes))


def _of_current_offers(
    kept: Mapping[OfferId, OfferHistory], offers: Mapping[OfferId, StoredOffer]
) -> dict[OfferId, OfferHistory]:
    return {
        offer: each
        for offer, each in kept.items()
        if offer in offers and offers[offer].state.incarnation == each.incarnation
    }


def _claims_counted(kept: OfferHistory, cap: PeriodCap | None, now_us: int) -> int:
    living = (each for each in kept.taken if each.until_us is None or each.until_us > now_us)
    return _count_in_period((each.at_us for each in living), cap, now_us)


def _count_in_period(moments: Iterable[int], cap: PeriodCap | None, now_us: int) -> int:
    if cap is None or cap.period_days is None:
        return sum(1 for _ in moments)
    since_us = now_us - cap.period_days * DAY_US
    return sum(at > since_us for at in moments)


def _decode_claim(word: str) -> CountedClaim:
    claim_id, at, until = word.split(",")
    return CountedClaim(claim_id, int(at), int(until) or None)


_DECODERS: Mapping[str, Callable[[str], OfferHistory]] = {
    "taken": _decode_claims,
    "shown": _decode_times,
    "dismissed": _decode_times,
    "codes": _decode_codes,
}
