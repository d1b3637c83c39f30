"""The expected state of every offer after claims, redemptions, dismissals and erasures. Pure.

The oracle keeps every claim in a list and counts again each time.
"""

from dataclasses import dataclass, field

from recsvc.domain.offers.claims import ClaimRefusal, ClaimState


@dataclass(eq=False)
class ExpectedOffer:
    """An offer in the oracle, with its claims and the customers who dismissed it.

    `codes` None: the offer is generic.
    """

    total: int | None
    per_customer: int | None
    codes: frozenset[str] | None = None
    claims: list["ExpectedClaim"] = field(default_factory=list)
    dismissed: set[str] = field(default_factory=set)
    used_up: set[str | None] = field(default_factory=set)  # codes of cancelled redemptions
    is_gone: bool = False

    @property
    def counting(self) -> list["ExpectedClaim"]:
        return [each for each in self.claims if each.counts]

    @property
    def assigned(self) -> set[str | None]:
        """The codes that no further claim can have."""
        return {each.code for each in self.counting} | self.used_up

    @property
    def is_exhausted(self) -> bool:
        has_room = self.total is None or len(self.counting) < self.total
        return not has_room or (self.codes is not None and self.codes <= self.assigned)

    def is_capped(self, name: str) -> bool:
        own = sum(each.holder == name for each in self.counting)
        return self.per_customer is not None and own >= self.per_customer

    def refusal(self, name: str) -> ClaimRefusal | None:
        """Return the refusal of one more claim by a customer with consent; None: it is possible."""
        if self.is_capped(name):
            return ClaimRefusal.CAPPED
        return ClaimRefusal.NOTHING_LEFT if self.is_exhausted else None


@dataclass(eq=False)
class ExpectedClaim:
    """A claim in the oracle. `holder` None: the customer was erased. An ended hold is EXPIRED."""

    claim_id: str
    offer: ExpectedOffer
    holder: str | None
    code: str | None = None
    state: ClaimState = ClaimState.HELD

    @property
    def counts(self) -> bool:
        return not self.offer.is_gone and self.state in (ClaimState.HELD, ClaimState.REDEEMED)

    @property
    def can_be_redeemed(self) -> bool:
        """Return whether a late redemption finds a free claim and its own code."""
        offer = self.offer
        if self.state is ClaimState.CANCELLED:
            return False
        if self.state in (ClaimState.HELD, ClaimState.REDEEMED) or offer.is_gone:
            return True
        is_assigned = self.code is not None and self.code in offer.assigned
        has_room = offer.total is None or len(offer.counting) < offer.total
        return has_room and not is_assigned and not offer.is_capped(str(self.holder))

    def release(self) -> ClaimState:
        """Release the claim with a secret key, which cancels a redemption for good."""
        if self.state is ClaimState.REDEEMED:
            self.offer.used_up.add(self.code)
            self.state = ClaimState.CANCELLED
        elif self.state is not ClaimState.CANCELLED:
            self.state = ClaimState.RELEASED
        return self.state


@dataclass
class OfferOracle:
    """The offers of a shop by id, and every claim that was made."""

    offers: dict[str, ExpectedOffer] = field(default_factory=dict)
    claims: list[ExpectedClaim] = field(default_factory=list)

    def claim_at(self, place: int) -> ExpectedClaim | None:
        return self.claims[place % len(self.claims)] if self.claims else None

    def of(self, name: str) -> list[ExpectedClaim]:
        return [each for each in self.claims if each.holder == name]

    def delete(self, offer_id: str) -> None:
        gone = self.offers.pop(offer_id, None)
        if gone is not None:
            gone.is_gone = True

    def expire_holds(self) -> None:
        for each in self.claims:
            if each.state is ClaimState.HELD:
                each.state = ClaimState.EXPIRED

    def forget(self, name: str) -> None:
        """Erase a customer: holds are released; redeemed claims count without a customer."""
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

    def permitted_for(self, name: str, *, is_personal: bool) -> set[str]:
        """Return the ids of the offers that may be offered; without consent, the generic ones."""
        return {
            offer_id
            for offer_id, offer in self.offers.items()
            if not offer.is_exhausted
            and (
                not (offer.is_capped(name) or name in offer.dismissed)
                if is_personal
                else offer.codes is None
            )
        }
