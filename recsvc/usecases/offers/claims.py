"""Claims: one redemption of an offer, held for a customer, confirmed or given back.

Consent, eligibility and the channel are decided here, by what the store says at that moment; the
script that takes the redemption decides the rest, and is refused when any of that has changed.
An offer for everybody needs the customer's consent to offers; one with codes or an eligibility,
to personalization as well.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.consent.gate import Admitted, AdmittedToOffers, ConsentRefused
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.offers.claims import Claim, ClaimFailure, ClaimRefusal, ClaimState
from recsvc.domain.offers.eligibility import ANY_CUSTOMER
from recsvc.domain.offers.stored_offer import StoredOffer
from recsvc.domain.values.customer_keys import CustomerHasher, CustomerKey, Secret
from recsvc.domain.values.ids import CustomerId, OfferId, ShopName
from recsvc.stores.consents.checked_permission import NO_PERMISSION
from recsvc.stores.offers.claims import ClaimAttempt, ClaimSnapshot, ClaimStore
from recsvc.usecases.access.request_access import DERIVED_KEPT, RequestContext

_ATTEMPTS = 50
_HASH_BYTES = 16
_CLAIM_ID_BYTES = 16

# Whether an offer is for a customer, who permits that this is asked.
EligibilityCheck = Callable[[RequestContext, StoredOffer, AdmittedToOffers], bool]


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """What is claimed, and with which Idempotency-Key."""

    offer: OfferId
    channel: str | None = None
    decision_id: str | None = None
    key: str | None = None


def accepts_any_customer(
    _context: RequestContext, stored: StoredOffer, _admitted: AdmittedToOffers
) -> bool:
    """Take an offer for a customer's only if it is everybody's: nothing is known of any."""
    return stored.offer.eligibility == ANY_CUSTOMER


class ClaimService:
    """Takes claims. What returned is durable, and counted whoever else claims."""

    def __init__(
        self,
        claims: ClaimStore,
        hasher: Callable[[ShopName], CustomerHasher],
        secret: Secret,
        eligible: EligibilityCheck = accepts_any_customer,
    ) -> None:
        self._claims = claims
        self._hasher = hasher
        self._eligible = eligible
        self._mark_key = lru_cache(DERIVED_KEPT)(lambda shop: secret.derive(f"claims:{shop}"))

    def claim(
        self, context: RequestContext, request: ClaimRequest, *, denied: bool = False
    ) -> Claim | ClaimRefusal | ClaimFailure:
        """Hold one redemption for the visit's customer. `denied`: this request permits nothing.

        With a key that was answered before, the same answer again, for as long as the claim stands
        and the customer permits it.
        """
        customer = _customer(context)
        _require_store(context)
        self._claims.check_room()
        asked = self._asked(context.shop, customer, request)
        for _ in range(_ATTEMPTS):
            look = self._claims.snapshot(context.shop, customer, request.offer, asked.key_digest)
            if look.answer is None:
                found = self._judged(context, look, request, denied)
                if not isinstance(found, StoredOffer):
                    return found
                asked = replace(asked, revision=found.state.revision, permission=look.permission)
            elif not _may_replay(context, look, asked, denied):
                return ClaimRefusal.NO_CONSENT
            result = self._claims.claim(context.shop, asked)
            if result is not ClaimFailure.CHANGED:
                return result
        raise StoreUnavailable("the offer is being changed all the time; try again")

    def release(
        self, context: RequestContext, claim_id: str, own: CustomerId | None
    ) -> ClaimState | ClaimFailure:
        """Give back what a claim holds. `own`: whose claim alone it may be; None: anybody's."""
        _require_store(context)
        found = self._claims.find(context.shop, claim_id)
        if found is None:
            return ClaimFailure.NOT_FOUND
        customer = None if own is None else self._hasher(context.shop).key_of(own)
        return self._claims.release(context.shop, found[0].offer_id, claim_id, customer)

    def _judged(
        self, context: RequestContext, look: ClaimSnapshot, request: ClaimRequest, denied: bool
    ) -> StoredOffer | ClaimRefusal | ClaimFailure:
        """Return the offer if the customer may have it, as far as that is not counted."""
        admission = _admission(context, look, Purpose.OFFERS, denied)
        if isinstance(admission, ConsentRefused):
            return ClaimRefusal.NO_CONSENT
        stored = look.stored
        if stored is None:
            return ClaimFailure.NOT_FOUND
        if not stored.offer.is_generic:
            personal = _admission(context, look, Purpose.PERSONALIZATION, denied)
            if isinstance(personal, ConsentRefused):
                return ClaimRefusal.NO_CONSENT
            if not self._eligible(context, stored, AdmittedToOffers(personal, admission)):
                return ClaimRefusal.NOT_ELIGIBLE
        channels = stored.offer.channels
        if channels and request.channel is not None and request.channel not in channels:
            return ClaimRefusal.CHANNEL
        return stored

    def _asked(self, shop: ShopName, customer: CustomerKey, request: ClaimRequest) -> ClaimAttempt:
        key = self._mark_key(shop)
        said = "\0".join([request.offer, request.channel or "", request.decision_id or ""])
        return ClaimAttempt(
            claim_id=secrets.token_hex(_CLAIM_ID_BYTES),
            offer=request.offer,
            customer=customer,
            channel=request.channel,
            key_digest="" if request.key is None else _keyed_hash(key, request.key),
            request_digest=_keyed_hash(key, said),
        )


def _keyed_hash(key: bytes, text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=_HASH_BYTES, key=key).hexdigest()


def _may_replay(
    context: RequestContext, look: ClaimSnapshot, asked: ClaimAttempt, denied: bool
) -> bool:
    """Whether a customer whose key was answered before permits now what that answer needs.

    Without that, nothing tells a key that was used from one that was not.
    """
    answer = look.answer
    is_same = answer is not None and answer.request_digest == asked.request_digest
    is_personal = look.stored is not None and not look.stored.offer.is_generic
    needed = [Purpose.OFFERS]
    if is_personal or (answer is not None and is_same and answer.claim.code):
        needed.append(Purpose.PERSONALIZATION)
    admissions = [_admission(context, look, purpose, denied) for purpose in needed]
    return not any(isinstance(admission, ConsentRefused) for admission in admissions)


def _admission(
    context: RequestContext, look: ClaimSnapshot, purpose: Purpose, denied: bool
) -> Admitted | ConsentRefused:
    return (NO_PERMISSION if denied else look.permission).admit(_customer(context), purpose)


def _customer(context: RequestContext) -> CustomerKey:
    if context.customer is None:
        raise TypeError("a claim is a customer's")
    return context.customer


def _require_store(context: RequestContext) -> None:
    """Never acknowledge on keys that may be out of date."""
    if not context.store_answered:
        raise StoreUnavailable("claims cannot be taken at the moment; try again")
