"""Count offer events: shown, accepted, dismissed, redeemed. A repeated event changes nothing.

An impression or acceptance counts once per signed decision or delivery that contains the offer. A
generic decision is shared, so it counts once per event from a server, and once per customer from a
browser. A redemption confirms its claim, or the customer's oldest open claim on the offer; its
cancellation undoes the claim, or the customer's latest redemption of the offer. Without consent to
offers and personalization, only a claim is stored for the customer.
"""

from collections.abc import Callable
from dataclasses import dataclass

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.errors import Conflict, StoreUnavailable
from recsvc.domain.events import LEEWAY_SECONDS, Event, EventType
from recsvc.domain.offers.claims import ClaimFailure, ClaimRefusal, ClaimState
from recsvc.domain.offers.decision_ids import decision_id_signers, made_at_us
from recsvc.domain.values.customer_keys import CustomerKey, Secret
from recsvc.domain.values.ids import OfferId, ShopName
from recsvc.stores.consents.checked_permission import CheckedPermission
from recsvc.stores.offers.claims import ClaimStore

_ATTEMPTS = 50
_COUNTERS = {
    EventType.OFFER_SHOWN: "shown",
    EventType.OFFER_ACCEPTED: "accepted",
    EventType.OFFER_DISMISSED: "dismissed",
}


@dataclass(frozen=True, slots=True)
class _Use:
    """One use of a decision. Each `name` is counted once."""

    name: str
    decided_at_us: int


class OfferTracking:
    """Records offer events. A returned record is durable."""

    def __init__(self, claims: ClaimStore, secret: Secret, now_us: Callable[[], int]) -> None:
        self._claims = claims
        self._now_us = now_us
        self._signer = decision_id_signers(secret)

    def record(
        self,
        shop: ShopName,
        event: Event,
        customer: CustomerKey | None,
        *,
        denied: bool,
        is_repeated: bool = False,
        by_server: bool = True,
    ) -> Conflict | None:
        """Count the event; return a conflict if its claim cannot be redeemed or cancelled."""
        if event.type is EventType.OFFER_REDEMPTION_CANCELLED:
            return self._cancel(shop, event, customer)
        if event.offer_id is None:
            return None
        offer = OfferId(event.offer_id)
        if event.type is EventType.OFFER_REDEEMED:
            return self._redeem(shop, offer, event, customer, is_repeated=is_repeated)
        counter = _COUNTERS.get(event.type)
        if counter is not None:
            received_us = None if is_repeated else self._now_us()
            use = self._use(shop, offer, event, customer, by_server=by_server)
            self._record(shop, offer, counter, event, customer, use, received_us, denied=denied)
        return None

    def _redeem(
        self,
        shop: ShopName,
        offer: OfferId,
        event: Event,
        customer: CustomerKey | None,
        *,
        is_repeated: bool,
    ) -> Conflict | None:
        if event.claim_id is None:
            self._redeem_oldest(shop, offer, event, customer)
            return None
        found = self._claims.redeem(shop, offer, event.claim_id, customer)
        if found is ClaimFailure.NOT_FOUND:
            return Conflict("no such claim on this offer", code="no_such_claim")
        if found is ClaimRefusal.NOTHING_LEFT:
            return Conflict(
                "the claim had expired, and nothing is left of the offer",
                code=str(ClaimRefusal.NOTHING_LEFT),
            )
        if found is ClaimState.CANCELLED and not is_repeated:
            return Conflict("the redemption was cancelled", code="redemption_cancelled")
        return None

    def _cancel(
        self, shop: ShopName, event: Event, customer: CustomerKey | None
    ) -> Conflict | None:
        """Undo a redemption: of the claim that the event names, or the customer's latest."""
        found: ClaimState | ClaimFailure = ClaimFailure.NOT_FOUND
        if event.claim_id is None:
            if customer is not None and event.offer_id is not None:
                offer, use = OfferId(event.offer_id), self._use_of_claims(shop, event)
                found = self._claims.cancel_latest(
                    shop, offer, customer, use, self._latest_claim_us(event)
                )
        elif claim := self._claims.find(shop, event.claim_id):
            offer = claim[0].offer_id
            if event.offer_id in (None, offer):
                found = self._claims.cancel(shop, offer, event.claim_id, customer)
        if found is ClaimFailure.NOT_FOUND:
            return Conflict("no such redemption to cancel", code="no_such_claim")
        return None

    def _redeem_oldest(
        self, shop: ShopName, offer: OfferId, event: Event, customer: CustomerKey | None
    ) -> None:
        """Confirm the customer's oldest claim that was held at the time of the event, if any."""
        if customer is None:
            return
        use = self._use_of_claims(shop, event)
        self._claims.redeem_oldest(shop, offer, customer, use, self._latest_claim_us(event))

    def _use_of_claims(self, shop: ShopName, event: Event) -> str:
        """Return the name under which an event uses one claim of a customer, once."""
        return self._signer(shop).use_id(event.type, event.message_id)

    def _latest_claim_us(self, event: Event) -> int:
        """Return the latest time of a claim that was made before the event."""
        at_us = self._now_us() if event.timestamp_us is None else event.timestamp_us
        return at_us + LEEWAY_SECONDS * 1_000_000

    def _record(
        self,
        shop: ShopName,
        offer: OfferId,
        counter: str,
        event: Event,
        customer: CustomerKey | None,
        use: _Use | None,
        received_us: int | None,
        *,
        denied: bool,
    ) -> None:
        """Store the event. `received_us`: when it first arrived; None: it is a repetition."""
        is_dismissal = event.type is EventType.OFFER_DISMISSED
        if use is None and not (is_dismissal and customer is not None):
            return
        at_us = received_us if event.timestamp_us is None else event.timestamp_us
        if use is not None:
            at_us = use.decided_at_us
        for _ in range(_ATTEMPTS):
            permission = self._permission(shop, customer, denied)
            if permission is not None and permission.was_before_erasure(at_us):
                return
            result = self._claims.record_offer_event(
                shop,
                offer,
                counter,
                use=None if use is None else use.name,
                customer=None if permission is None else customer,
                permission=permission,
            )
            if result is not ClaimFailure.CHANGED:
                return
        raise StoreUnavailable("consents are changing too often; send the events again")

    def _use(
        self,
        shop: ShopName,
        offer: OfferId,
        event: Event,
        customer: CustomerKey | None,
        *,
        by_server: bool,
    ) -> _Use | None:
        """Return the use of the signed decision or delivery that the event names, if any.

        A browser can invent events, so it uses a generic decision only once per customer.
        """
        if event.type is EventType.OFFER_DISMISSED:
            return None
        now_us, signer = self._now_us(), self._signer(shop)
        browser_user = None if customer is None else customer.hex()
        user = event.message_id if by_server else browser_user
        for decision_id in filter(None, (event.decision_id, event.delivery_id)):
            if customer is not None and signer.verify(decision_id, offer, customer, now_us):
                return _Use(decision_id, made_at_us(decision_id))
            if user is not None and signer.verify(decision_id, offer, None, now_us):
                decided_us = made_at_us(decision_id)  # one use per day: the ids differ with `n`
                return _Use(signer.use_id(str(decided_us), user), decided_us)
        return None

    def _permission(
        self, shop: ShopName, customer: CustomerKey | None, denied: bool
    ) -> CheckedPermission | None:
        """Return the permission to store the event for the customer; None: not permitted."""
        if customer is None or denied:
            return None
        permission = self._claims.permission(shop, customer)
        may_be_kept = permission.permits(customer, Purpose.OFFERS, Purpose.PERSONALIZATION)
        return permission if may_be_kept else None
