"""What ought to be left of every offer after any claims, redemptions and erasures. Pure.

It keeps every claim in a list and counts anew each time.
"""

from dataclasses import dataclass, field

from recsvc.domain.offers.claims import ClaimRefusal, ClaimState


@dataclass(eq=False)
class KnownOffer:
    """An offer, the claims that were made of it, and who wants it no more.

    `codes` None: it needs none, and is for everybody.
    """

    total: int | None
    per_customer: int | None
    codes: frozenset[str] | None = None
    claims: list["Made"] = field(default_factory=list)
    dismissed: set[str] = field(default_factory=set)
    is_gone: bool = False

    @property
    def counting(self) -> list["Made"]:
        return [each for each in self.claims if each.counts]

    @property
    def has_run_out(self) -> bool:
        counting = self.counting
        handed = {each.code for each in counting}
        has_room = self.total is None or len(counting) < self.total
        return not has_room or (self.codes is not None and self.codes <= handed)

    def is_capped(self, name: str) -> bool:
        own = sum(each.holder == name for each in self.counting)
        return self.per_customer is not None and own >= self.per_customer

    def refusal(self, name: str) -> ClaimRefusal | None:
        """Say why a customer who permits it cannot have one more."""
        if self.is_capped(name):
            return ClaimRefusal.CAPPED
        return ClaimRefusal.NOTHING_LEFT if self.has_run_out else None


@dataclass(eq=False)
class Made:
    """A claim. `holder` None: of one who was erased. A hold that has ended is EXPIRED."""

    claim_id: str
    offer: KnownOffer
    holder: str | None
    code: str | None = None
    state: ClaimState = ClaimState.HELD

    @property
    def counts(self) -> bool:
        return not self.offer.is_gone and self.state in (ClaimState.HELD, ClaimState.REDEEMED)

    @property
    def can_be_redeemed(self) -> bool:
        """Whether a late confirmation finds room, and its own code."""
        offer = self.offer
        if self.state in (ClaimState.HELD, ClaimState.REDEEMED) or offer.is_gone:
            return True
        is_taken = self.code is not None and self.code in {each.code for each in offer.counting}
        has_room = offer.total is None or len(offer.counting) < offer.total
        return has_room and not is_taken and not offer.is_capped(str(self.holder))

    def release(self) -> ClaimState:
        if self.state is not ClaimState.REDEEMED:
            self.state = ClaimState.RELEASED
        return self.state


@dataclass
class KnownOffers:
    """All offers of a shop by their ids, and every claim that was ever made."""

    offers: dict[str, KnownOffer] = field(default_factory=dict)
    claims: list[Made] = field(default_factory=list)

    def made(self, place: int) -> Made | None:
        return self.claims[place % len(self.claims)] if self.claims else None

    def of(self, name: str) -> list[Made]:
        return [each for each in self.claims if each.holder == name]

    def delete(self, offer_id: str) -> None:
        gone = self.offers.pop(offer_id, None)
        if gone is not None:
            gone.is_gone = True

    def let_holds_end(self) -> None:
        for each in self.claims:
            if each.state is ClaimState.HELD:
                each.state = ClaimState.EXPIRED

    def forget(self, name: str) -> None:
        """What is held is given back; what was redeemed stays counted, of nobody."""
        for each in self.of(name):
            if each.state is ClaimState.HELD:
                each.state = ClaimState.RELEASED
            each.holder = None
        for offer in self.offers.values():
            offer.dismissed.discard(name)

    def merge(self, away: str, into: str, *, with_offer_events: bool) -> None:
        for each in self.of(away):
            each.holder = into
        for offer in self.offers.values():
            if with_offer_events and away in offer.dismissed:
                offer.dismissed.add(into)
            offer.dismissed.discard(away)

    def shown_to(self, name: str, *, is_personal: bool) -> set[str]:
        """Return the ids of all that may be offered: without consent, what is for everybody."""
        return {
            offer_id
            for offer_id, offer in self.offers.items()
            if not offer.has_run_out
            and (
                not (offer.is_capped(name) or name in offer.dismissed)
                if is_personal
                else offer.codes is None
            )
        }
