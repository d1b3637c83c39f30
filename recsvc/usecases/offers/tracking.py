"""What events say of offers: shown, accepted, dismissed, redeemed. Each counts once.

A showing or an acceptance counts with a decision of ours that offered it, once for each of both;
with one that is everybody's, once for each event of a server, and once for each customer whose
browser says so. A redemption confirms the claim that it names, else the oldest open one of its
customer on the offer, once. So an event that is sent again changes nothing, whatever became of it
the first time. Of a customer who does not permit offers and personalization nothing is remembered
but what a claim of theirs has become.
"""

from collections.abc import Callable
from dataclasses import dataclass

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.errors import Conflict, StoreUnavailable
from recsvc.domain.events import LEEWAY_SECONDS, Event, EventType
from recsvc.domain.offers.claims import ClaimFailure, ClaimRefusal
from recsvc.domain.offers.decision_ids import decision_id_signers, made_at_us
from recsvc.domain.values.customer_keys import CustomerKey, Secret
from recsvc.domain.values.ids import OfferId, ShopName
from recsvc.stores.consents.checked_permission import CheckedPermission
from recsvc.stores.offers.claims import ClaimStore

_ATTEMPTS = 50
_COUNTED_AS = {
    EventType.OFFER_SHOWN: "shown",
    EventType.OFFER_ACCEPTED: "accepted",
    EventType.OFFER_DISMISSED: "dismissed",
}


@dataclass(frozen=True, slots=True)
class _CountOnce:
    """What an event makes use of a decision for; what has this name is counted once."""

    name: str
    decided_at_us: int


class OfferTracking:
    """Takes over what an event says of its offer. What returned is durable."""

    def __init__(self, claims: ClaimStore, secret: Secret, now_us: Callable[[], int]) -> None:
        self._claims = claims
        self._now_us = now_us
        self._signer = decision_id_signers(secret)

    def take(
        self,
        shop: ShopName,
        event: Event,
        customer: CustomerKey | None,
        *,
        denied: bool,
        is_repeated: bool = False,
        by_server: bool = True,
    ) -> Conflict | None:
        """Count the event; return why it cannot be had as it says, if so."""
        if event.offer_id is None:
            return None
        offer = OfferId(event.offer_id)
        if event.type is EventType.OFFER_REDEEMED:
            return self._redeem(shop, offer, event, customer)
        word = _COUNTED_AS.get(event.type)
        if word is not None:
            known_since = None if is_repeated else self._now_us()
            use = self._use(shop, offer, event, customer, by_server=by_server)
            self._tell(shop, offer, word, event, customer, use, known_since, denied=denied)
        return None

    def _redeem(
        self, shop: ShopName, offer: OfferId, event: Event, customer: CustomerKey | None
    ) -> Conflict | None:
        if event.claim_id is None:
            self._redeem_oldest(shop, offer, event, customer)
            return None
        found = self._claims.redeem(shop, offer, event.claim_id, customer)
        if found is ClaimFailure.NOT_FOUND:
            return Conflict("there is no such claim on this offer", code="no_such_claim")
        if found is ClaimRefusal.NOTHING_LEFT:
            return Conflict(
                "the claim had ended, and others have what it held",
                code=str(ClaimRefusal.NOTHING_LEFT),
            )
        return None

    def _redeem_oldest(
        self, shop: ShopName, offer: OfferId, event: Event, customer: CustomerKey | None
    ) -> None:
        """Confirm what the customer holds, if anything was held by the time of the event."""
        if customer is None:
            return
        at_us = self._now_us() if event.timestamp_us is None else event.timestamp_us
        use = self._signer(shop).use_id(event.type, event.message_id)
        self._claims.redeem_oldest(shop, offer, customer, use, at_us + LEEWAY_SECONDS * 1_000_000)

    def _tell(
        self,
        shop: ShopName,
        offer: OfferId,
        word: str,
        event: Event,
        customer: CustomerKey | None,
        use: _CountOnce | None,
        known_since_us: int | None,
        *,
        denied: bool,
    ) -> None:
        """`known_since_us`: when the event first came, None if that was some time ago."""
        is_dismissal = event.type is EventType.OFFER_DISMISSED
        if use is None and not (is_dismissal and customer is not None):
            return
        at_us = known_since_us if event.timestamp_us is None else event.timestamp_us
        if use is not None:
            at_us = use.decided_at_us
        for _ in range(_ATTEMPTS):
            permission = self._permission(shop, customer, denied)
            if permission is not None and permission.was_before_erasure(at_us):
                return
            told = self._claims.record_offer_event(
                shop,
                offer,
                word,
                use=None if use is None else use.name,
                customer=None if permission is None else customer,
                permission=permission,
            )
            if told is not ClaimFailure.CHANGED:
                return
        raise StoreUnavailable("consents are being changed all the time; send the events again")

    def _use(
        self,
        shop: ShopName,
        offer: OfferId,
        event: Event,
        customer: CustomerKey | None,
        *,
        by_server: bool,
    ) -> _CountOnce | None:
        """Return the use of the decision or delivery of ours that the event names, if any.

        What is everybody's a server uses once with each event, and a browser, which can make up
        events, once for its customer.
        """
        if event.type is EventType.OFFER_DISMISSED:
            return None
        now_us, signer = self._now_us(), self._signer(shop)
        browsers = None if customer is None else customer.hex()
        user = event.message_id if by_server else browsers
        for named in filter(None, (event.decision_id, event.delivery_id)):
            if customer is not None and signer.verify(named, offer, customer, now_us):
                return _CountOnce(named, made_at_us(named))
            if user is not None and signer.verify(named, offer, None, now_us):
                made_us = made_at_us(named)  # of all of that day: for each `n` there is an id
                return _CountOnce(signer.use_id(str(made_us), user), made_us)
        return None

    def _permission(
        self, shop: ShopName, customer: CustomerKey | None, denied: bool
    ) -> CheckedPermission | None:
        """Return the customer's permission to remember this; None without it."""
        if customer is None or denied:
            return None
        permission = self._claims.permission(shop, customer)
        may_be_kept = permission.permits(customer, Purpose.OFFERS, Purpose.PERSONALIZATION)
        return permission if may_be_kept else None
