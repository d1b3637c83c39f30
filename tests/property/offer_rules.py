"""What may be done with offers: put, decided on, claimed, given back, redeemed, not wanted."""

from dataclasses import replace
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.errors import Conflict
from recsvc.domain.events import Event, EventType
from recsvc.domain.offers.claims import Claim, ClaimFailure, ClaimRefusal, ClaimState
from recsvc.domain.offers.offer import Caps, Kind, Offer, PeriodCap
from recsvc.domain.values.ids import CustomerId, OfferId
from recsvc.usecases.access.request_access import RequestContext
from recsvc.usecases.offers.claims import ClaimRequest
from recsvc.usecases.offers.decide import OffersQuery
from tests.property.consent_rules import NAMES, ConsentRules
from tests.property.offer_oracle import KnownOffer, KnownOffers, Made

OFFERS = st.sampled_from(["plain", "coded"])
LIMITS = st.none() | st.integers(1, 3)
PLACES = st.integers(0, 20)  # of a claim among those made so far
BOTH = (Purpose.PERSONALIZATION, Purpose.OFFERS)


class OfferRules(ConsentRules):
    """One offer for everybody, and one with codes, which takes both consents."""

    def __init__(self) -> None:
        super().__init__()
        self.known = KnownOffers()

    @rule(offer_id=OFFERS, total=LIMITS, per_customer=LIMITS)
    def puts_an_offer(self, offer_id: str, total: int | None, per_customer: int | None) -> None:
        """A new one with codes of its own, or other caps for one that there is.

        A total is not lowered below what is in hands: how soon such an offer is shown again is not
        promised.
        """
        there = self.known.offers.get(offer_id)
        if there is not None and total is not None:
            total = max(total, len(there.claims))
        caps = Caps(
            per_customer=None if per_customer is None else PeriodCap(per_customer),
            total_redeemed=total,
        )
        offer = Offer(OfferId(offer_id), "An offer", Kind.GIFT, caps=caps)
        if there is not None:
            self.service.put_offer(offer)
            there.total, there.per_customer = total, per_customer
            return
        codes = [uuid4().hex for _ in range(2)] if offer_id == "coded" else []
        self.service.put_offer(offer, codes)
        known = KnownOffer(total, per_customer, frozenset(codes) or None)
        self.known.offers[offer_id] = known

    @rule(offer_id=OFFERS)
    def an_offer_is_deleted(self, offer_id: str) -> None:
        """Whatever was claimed of it counts for nothing, also once there is another of that id."""
        assert self.service.delete_offer(offer_id) is (offer_id in self.known.offers)
        self.known.delete(offer_id)

    def check_content(self, name: str, context: RequestContext) -> None:
        """Personal offers exactly where both are permitted; none that is capped or used up."""
        super().check_content(name, context)
        personal = self.expects_permission(name, *BOTH)
        answer = self.service.decider.decide_for(context, OffersQuery(n=100))
        self.expected[name].decided.add(answer.decision_id)

        assert answer.personalized is personal
        found = {offer.offer_id for offer in answer.offers}
        assert found == self.known.shown_to(name, is_personal=personal)

    @precondition(lambda self: self.known.offers)
    @rule(name=NAMES, offer_id=OFFERS, times=st.integers(1, 3))
    def claims(self, name: str, offer_id: str, times: int) -> None:
        """Held exactly where it is permitted and something is left, for all and for this one."""
        for _ in range(times):
            self.claims_once(name, offer_id)

    def claims_once(self, name: str, offer_id: str) -> None:
        offer = self.known.offers.get(offer_id)
        context = self.service.context(name)
        found = self.service.claim_service.claim(context, ClaimRequest(OfferId(offer_id)))
        needed = BOTH if offer is not None and offer.codes is not None else [Purpose.OFFERS]
        if not self.expects_permission(name, *needed):
            assert found is ClaimRefusal.NO_CONSENT
        elif offer is None:
            assert found is ClaimFailure.NOT_FOUND
        elif (refusal := offer.refusal(name)) is not None:
            assert found is refusal
        else:
            self.hold(name, offer, found)

    def hold(self, name: str, offer: KnownOffer, found: object) -> None:
        assert isinstance(found, Claim)
        in_hands = {each.code for each in offer.counting}
        assert found.code not in in_hands - {None}
        assert (found.code is None) if offer.codes is None else (found.code in offer.codes)
        made = Made(found.claim_id, offer, name, found.code)
        offer.claims.append(made)
        self.known.claims.append(made)

    @precondition(lambda self: self.known.claims)
    @rule(name=NAMES, place=PLACES)
    def gives_back(self, name: str, place: int) -> None:
        """Nobody else's claim; and what was redeemed stays."""
        made = self.known.made(place)
        assert made is not None
        found = self.service.claim_service.release(
            self.service.context(name), made.claim_id, CustomerId(name)
        )
        if made.holder != name:
            assert found is ClaimFailure.NOT_FOUND
        else:
            assert found is made.release()

    @precondition(lambda self: self.known.claims)
    @rule(name=NAMES, place=PLACES)
    def redeems(self, name: str, place: int) -> None:
        """Once; a claim that has ended, only while something is left. It asks for no consent."""
        made = self.known.made(place)
        assert made is not None
        offer_id = "plain" if made.code is None else "coded"
        event = self.tells(EventType.OFFER_REDEEMED, name, offer_id)
        fault = self.service.offer_events.record(
            self.shop, replace(event, claim_id=made.claim_id), self.keys[name], denied=False
        )
        if made.holder != name:
            assert isinstance(fault, Conflict)
            assert fault.code == "no_such_claim"
        elif made.can_be_redeemed:
            assert fault is None
            made.state = ClaimState.REDEEMED
        else:
            assert isinstance(fault, Conflict)
            assert fault.code == ClaimRefusal.NOTHING_LEFT

    @precondition(lambda self: self.known.offers)
    @rule(name=NAMES, offer_id=OFFERS)
    def wants_no_more(self, name: str, offer_id: str) -> None:
        """Remembered where both are permitted, of an offer that there is."""
        event = self.tells(EventType.OFFER_DISMISSED, name, offer_id)
        self.service.offer_events.record(self.shop, event, self.keys[name], denied=False)
        if offer_id in self.known.offers and self.expects_permission(name, *BOTH):
            self.known.offers[offer_id].dismissed.add(name)

    def tells(self, kind: EventType, name: str, offer_id: str) -> Event:
        return Event(uuid4().hex, kind, customer_id=CustomerId(name), offer_id=offer_id)

    def forget_other_data(self, name: str) -> None:
        super().forget_other_data(name)
        self.known.forget(name)
        self.holds_its_own(name)

    def hand_over_other_data(self, name: str, into: str, *, with_offer_events: bool) -> None:
        super().hand_over_other_data(name, into, with_offer_events=with_offer_events)
        self.known.merge(name, into, with_offer_events=with_offer_events)
        self.holds_its_own(name)
        self.holds_its_own(into)

    def holds_its_own(self, name: str) -> None:
        """Compare what is kept of the customer beside what is shown of it."""
        records, key, offers = self.service.claim_records, self.keys[name], self.known.offers
        stored = {
            OfferId(each): self.service.offers.get(self.shop, OfferId(each)) for each in offers
        }
        counts = records.caps(self.shop, key).counts(stored, self.clock())
        claims = {each.claim_id for each in records.claims(self.shop, key)}

        assert claims == {each.claim_id for each in self.known.of(name)}
        assert counts.dismissed == {each for each in offers if name in offers[each].dismissed}

    def expire_held_claims(self) -> None:
        super().expire_held_claims()
        self.known.let_holds_end()
