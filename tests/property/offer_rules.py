"""Rules of the stateful test about offers: write, decide, claim, release, redeem, dismiss."""

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
from tests.property.offer_oracle import ExpectedClaim, ExpectedOffer, OfferOracle

OFFERS = st.sampled_from(["plain", "coded"])
LIMITS = st.none() | st.integers(1, 3)
PLACES = st.integers(0, 20)  # of a claim among those made so far
BOTH = (Purpose.PERSONALIZATION, Purpose.OFFERS)


class OfferRules(ConsentRules):
    """One generic offer, and one with codes, which needs both consents."""

    def __init__(self) -> None:
        super().__init__()
        self.offer_oracle = OfferOracle()

    @rule(offer_id=OFFERS, total=LIMITS, per_customer=LIMITS)
    def writes_an_offer(self, offer_id: str, total: int | None, per_customer: int | None) -> None:
        """Create an offer, with codes of its own, or change the caps of an existing one.

        A total is never lowered below the claims made: when such an offer is offered again is not
        specified.
        """
        existing = self.offer_oracle.offers.get(offer_id)
        if existing is not None and total is not None:
            total = max(total, len(existing.claims))
        caps = Caps(
            per_customer=None if per_customer is None else PeriodCap(per_customer),
            total_redeemed=total,
        )
        offer = Offer(OfferId(offer_id), "An offer", Kind.GIFT, caps=caps)
        if existing is not None:
            self.service.put_offer(offer)
            existing.total, existing.per_customer = total, per_customer
            return
        codes = [uuid4().hex for _ in range(2)] if offer_id == "coded" else []
        self.service.put_offer(offer, codes)
        known = ExpectedOffer(total, per_customer, frozenset(codes) or None)
        self.offer_oracle.offers[offer_id] = known

    @rule(offer_id=OFFERS)
    def deletes_an_offer(self, offer_id: str) -> None:
        """Claims of a deleted offer do not count for a later offer of the id."""
        assert self.service.delete_offer(offer_id) is (offer_id in self.offer_oracle.offers)
        self.offer_oracle.delete(offer_id)

    def check_content(self, name: str, context: RequestContext) -> None:
        """Offers are personal exactly with both consents, and never capped or exhausted."""
        super().check_content(name, context)
        personal = self.expects_permission(name, *BOTH)
        answer = self.service.decider.decide_for(context, OffersQuery(n=100))
        self.expected[name].decided.add(answer.decision_id)

        assert answer.personalized is personal
        found = {offer.offer_id for offer in answer.offers}
        assert found == self.offer_oracle.permitted_for(name, is_personal=personal)

    @precondition(lambda self: self.offer_oracle.offers)
    @rule(name=NAMES, offer_id=OFFERS, times=st.integers(1, 3))
    def claims(self, name: str, offer_id: str, times: int) -> None:
        """A claim succeeds exactly with consent and below both caps."""
        for _ in range(times):
            self.claims_once(name, offer_id)

    def claims_once(self, name: str, offer_id: str) -> None:
        offer = self.offer_oracle.offers.get(offer_id)
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

    def hold(self, name: str, offer: ExpectedOffer, found: object) -> None:
        assert isinstance(found, Claim)
        assert found.code not in offer.assigned - {None}
        assert (found.code is None) if offer.codes is None else (found.code in offer.codes)
        expected = ExpectedClaim(found.claim_id, offer, name, found.code)
        offer.claims.append(expected)
        self.offer_oracle.claims.append(expected)

    @precondition(lambda self: self.offer_oracle.claims)
    @rule(name=NAMES, place=PLACES)
    def releases(self, name: str, place: int) -> None:
        """A secret key releases only a claim of the customer; a redeemed claim is cancelled."""
        expected = self.offer_oracle.claim_at(place)
        assert expected is not None
        found = self.service.claim_service.release(
            self.service.context(name), expected.claim_id, CustomerId(name)
        )
        if expected.holder != name:
            assert found is ClaimFailure.NOT_FOUND
        else:
            assert found is expected.release()

    @precondition(lambda self: self.offer_oracle.claims)
    @rule(name=NAMES, place=PLACES)
    def redeems(self, name: str, place: int) -> None:
        """A claim is redeemed once, without consent; an ended one only while something is left."""
        expected = self.offer_oracle.claim_at(place)
        assert expected is not None
        offer_id = "plain" if expected.code is None else "coded"
        event = self.tells(EventType.OFFER_REDEEMED, name, offer_id)
        fault = self.service.offer_events.record(
            self.shop, replace(event, claim_id=expected.claim_id), self.keys[name], denied=False
        )
        if expected.holder != name:
            assert isinstance(fault, Conflict)
            assert fault.code == "no_such_claim"
        elif expected.can_be_redeemed:
            assert fault is None
            expected.state = ClaimState.REDEEMED
        else:
            is_cancelled = expected.state is ClaimState.CANCELLED
            assert isinstance(fault, Conflict)
            assert fault.code == (
                "redemption_cancelled" if is_cancelled else ClaimRefusal.NOTHING_LEFT
            )

    @precondition(lambda self: self.offer_oracle.offers)
    @rule(name=NAMES, offer_id=OFFERS)
    def dismisses(self, name: str, offer_id: str) -> None:
        """A dismissal of an existing offer is stored with both consents."""
        event = self.tells(EventType.OFFER_DISMISSED, name, offer_id)
        self.service.offer_events.record(self.shop, event, self.keys[name], denied=False)
        if offer_id in self.offer_oracle.offers and self.expects_permission(name, *BOTH):
            self.offer_oracle.offers[offer_id].dismissed.add(name)

    def tells(self, kind: EventType, name: str, offer_id: str) -> Event:
        return Event(uuid4().hex, kind, customer_id=CustomerId(name), offer_id=offer_id)

    def forget_other_data(self, name: str) -> None:
        super().forget_other_data(name)
        self.offer_oracle.forget(name)
        self.caps_agree(name)

    def hand_over_other_data(self, name: str, into: str, *, with_offer_events: bool) -> None:
        super().hand_over_other_data(name, into, with_offer_events=with_offer_events)
        self.offer_oracle.merge(name, into, with_offer_events=with_offer_events)
        self.caps_agree(name)
        self.caps_agree(into)

    def caps_agree(self, name: str) -> None:
        """Compare the stored caps and claims of a customer with the oracle."""
        records, key, offers = self.service.claim_records, self.keys[name], self.offer_oracle.offers
        stored = {
            OfferId(each): self.service.offers.get(self.shop, OfferId(each)) for each in offers
        }
        counts = records.caps(self.shop, key).counts(stored, self.clock())
        claims = {each.claim_id for each in records.claims(self.shop, key)}

        assert claims == {each.claim_id for each in self.offer_oracle.of(name)}
        assert counts.dismissed == {each for each in offers if name in offers[each].dismissed}

    def expire_held_claims(self) -> None:
        super().expire_held_claims()
        self.offer_oracle.expire_holds()
