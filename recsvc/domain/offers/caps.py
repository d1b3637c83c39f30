"""Count one customer's claims, impressions and dismissals against the caps of offers. Pure.

Stored as a hash per customer: `taken:<offer>` → `<incarnation> <claim>,<at>,<end of the hold, or
0>…`, `shown:<offer>` → `<incarnation> <at>…`, `dismissed:<offer>` → `<incarnation> <at>`,
`codes:<offer>` → the incarnation and the codes assigned to the customer that may be returned, one
per line. An entry of an earlier incarnation (the offer was deleted and created again) is ignored.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from recsvc.domain.offers.offer import PeriodCap
from recsvc.domain.offers.stored_offer import StoredOffer
from recsvc.domain.values.ids import OfferId

DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class CountedClaim:
    """A claim that is held until `until_us`; None: redeemed."""

    claim_id: str
    at_us: int
    until_us: int | None


@dataclass(frozen=True, slots=True)
class OfferHistory:
    """One customer's claims, impressions and codes of one offer, by time."""

    incarnation: int
    taken: tuple[CountedClaim, ...] = ()
    shown_us: tuple[int, ...] = ()
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CapCounts:
    """Counts for a decision, each within the period of the offer's cap."""

    redeemed: Mapping[OfferId, int] = field(default_factory=dict)
    shown: Mapping[OfferId, int] = field(default_factory=dict)
    dismissed: frozenset[OfferId] = frozenset()


@dataclass(frozen=True, slots=True)
class CustomerCaps:
    """One customer's history with every offer."""

    taken: Mapping[OfferId, OfferHistory] = field(default_factory=dict)
    shown: Mapping[OfferId, OfferHistory] = field(default_factory=dict)
    dismissed: Mapping[OfferId, OfferHistory] = field(default_factory=dict)
    codes: Mapping[OfferId, OfferHistory] = field(default_factory=dict)

    def counts(self, offers: Mapping[OfferId, StoredOffer], now_us: int) -> CapCounts:
        """Count what applies to the offers' caps at `now_us`."""
        taken, shown = (_of_current_offers(each, offers) for each in (self.taken, self.shown))
        return CapCounts(
            {
                offer: _claims_counted(history, offers[offer].offer.caps.per_customer, now_us)
                for offer, history in taken.items()
            },
            {
                offer: _count_in_period(
                    history.shown_us, offers[offer].offer.caps.per_customer_shown, now_us
                )
                for offer, history in shown.items()
            },
            frozenset(_of_current_offers(self.dismissed, offers)),
        )


def decode_caps(fields: Sequence[bytes]) -> CustomerCaps:
    """Decode alternating fields and values; raise ValueError for an invalid one."""
    histories: dict[str, dict[OfferId, OfferHistory]] = {kind: {} for kind in _DECODERS}
    for name, value in zip(fields[::2], fields[1::2], strict=True):
        kind, _, offer_id = name.decode().partition(":")
        if kind in _DECODERS:
            histories[kind][OfferId(offer_id)] = _DECODERS[kind](value.decode())
    return CustomerCaps(**histories)


def _decode_claims(text: str) -> OfferHistory:
    incarnation, *entries = text.split(" ")
    return OfferHistory(int(incarnation), taken=tuple(map(_decode_claim, entries)))


def _decode_times(text: str) -> OfferHistory:
    incarnation, *entries = text.split(" ")
    return OfferHistory(int(incarnation), shown_us=tuple(map(int, entries)))


def _decode_codes(text: str) -> OfferHistory:
    incarnation, *codes = text.split("\n")
    return OfferHistory(int(incarnation), codes=tuple(codes))


def _of_current_offers(
    history: Mapping[OfferId, OfferHistory], offers: Mapping[OfferId, StoredOffer]
) -> dict[OfferId, OfferHistory]:
    return {
        offer: each
        for offer, each in history.items()
        if offer in offers and offers[offer].state.incarnation == each.incarnation
    }


def _claims_counted(history: OfferHistory, cap: PeriodCap | None, now_us: int) -> int:
    active = (each for each in history.taken if each.until_us is None or each.until_us > now_us)
    return _count_in_period((each.at_us for each in active), cap, now_us)


def _count_in_period(times_us: Iterable[int], cap: PeriodCap | None, now_us: int) -> int:
    if cap is None or cap.period_days is None:
        return sum(1 for _ in times_us)
    since_us = now_us - cap.period_days * DAY_US
    return sum(at > since_us for at in times_us)


def _decode_claim(entry: str) -> CountedClaim:
    claim_id, at, until = entry.split(",")
    return CountedClaim(claim_id, int(at), int(until) or None)


_DECODERS: Mapping[str, Callable[[str], OfferHistory]] = {
    "taken": _decode_claims,
    "shown": _decode_times,
    "dismissed": _decode_times,
    "codes": _decode_codes,
}
