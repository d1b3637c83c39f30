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
class Taken:
    """A claim that is held until `until_us`, or (None) redeemed."""

    claim_id: str
    at_us: int
    until_us: int | None


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of one customer and one offer, by when it happened."""

    incarnation: int
    taken: tuple[Taken, ...] = ()
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

    taken: Mapping[OfferId, Kept] = field(default_factory=dict)
    shown: Mapping[OfferId, Kept] = field(default_factory=dict)
    dismissed: Mapping[OfferId, Kept] = field(default_factory=dict)
    codes: Mapping[OfferId, Kept] = field(default_factory=dict)

    def counts(self, offers: Mapping[OfferId, StoredOffer], now_us: int) -> CapCounts:
        """Count what stands against the offers at `now_us`."""
        taken, shown = (_of_now(each, offers) for each in (self.taken, self.shown))
        return CapCounts(
            {
                offer: _taken(kept, offers[offer].offer.caps.per_customer, now_us)
                for offer, kept in taken.items()
            },
            {
                offer: _within(kept.shown_us, offers[offer].offer.caps.per_customer_shown, now_us)
                for offer, kept in shown.items()
            },
            frozenset(_of_now(self.dismissed, offers)),
        )


def decode_caps(fields: Sequence[bytes]) -> CustomerCaps:
    """Read field, value, field, value; raise ValueError for what is not ours."""
    kept: dict[str, dict[OfferId, Kept]] = {kind: {} for kind in _READERS}
    for name, value in zip(fields[::2], fields[1::2], strict=True):
        kind, _, offer_id = name.decode().partition(":")
        if kind in _READERS:
            kept[kind][OfferId(offer_id)] = _READERS[kind](value.decode())
    return CustomerCaps(**kept)


def _claims(text: str) -> Kept:
    incarnation, *words = text.split(" ")
    return Kept(int(incarnation), taken=tuple(map(_taken_of, words)))


def _moments(text: str) -> Kept:
    incarnation, *words = text.split(" ")
    return Kept(int(incarnation), shown_us=tuple(map(int, words)))


def _codes(text: str) -> Kept:
    incarnation, *codes = text.split("\n")
    return Kept(int(incarnation), codes=tuple(codes))


def _of_now(
    kept: Mapping[OfferId, Kept], offers: Mapping[OfferId, StoredOffer]
) -> dict[OfferId, Kept]:
    return {
        offer: each
        for offer, each in kept.items()
        if offer in offers and offers[offer].state.incarnation == each.incarnation
    }


def _taken(kept: Kept, cap: PeriodCap | None, now_us: int) -> int:
    living = (each for each in kept.taken if each.until_us is None or each.until_us > now_us)
    return _within((each.at_us for each in living), cap, now_us)


def _within(moments: Iterable[int], cap: PeriodCap | None, now_us: int) -> int:
    if cap is None or cap.period_days is None:
        return sum(1 for _ in moments)
    since_us = now_us - cap.period_days * DAY_US
    return sum(at > since_us for at in moments)


def _taken_of(word: str) -> Taken:
    claim_id, at, until = word.split(",")
    return Taken(claim_id, int(at), int(until) or None)


_READERS: Mapping[str, Callable[[str], Kept]] = {
    "taken": _claims,
    "shown": _moments,
    "dismissed": _moments,
    "codes": _codes,
}
