"""Claims: hold one redemption of an offer for a customer, and release it.

Consent, eligibility and channel are checked here, on a snapshot of the store. The store's script
checks window, caps and codes, and fails if the offer or the consent changed after the snapshot. A
claim needs consent to offers; an offer with codes or eligibility needs personalization as well.
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
from recsvc.domain.offers.offer import Offer
from recsvc.domain.offers.stored_offer import StoredOffer
from recsvc.domain.values.customer_keys import CustomerHasher, CustomerKey, Secret
from recsvc.domain.values.ids import CustomerId, OfferId, ShopName
from recsvc.stores.consents.checked_permission import NO_PERMISSION
from recsvc.stores.offers.claims import ClaimAttempt, ClaimSnapshot, ClaimStore
from recsvc.usecases.access.request_access import DERIVED_KEPT, RequestContext

_ATTEMPTS = 50
_HASH_BYTES = 16
_CLAIM_ID_BYTES = 16

# Return whether the admitted customer of a request is eligible for an offer.
EligibilityCheck = Callable[[RequestContext, StoredOffer, AdmittedToOffers], bool]
# Return whether an item that the offer covers is available.
ItemsCheck = Callable[[RequestContext, Offer], bool]


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """A claim as requested. `key`: the Idempotency-Key."""

    offer: OfferId
    channel: str | None = None
    decision_id: str | None = None
    key: str | None = None


def accepts_any_customer(
    _context: RequestContext, stored: StoredOffer, _admitted: AdmittedToOffers
) -> bool:
    """Default eligibility check: accept only offers without eligibility conditions."""
    return stored.offer.eligibility == ANY_CUSTOMER


def has_any_item(_context: RequestContext, _offer: Offer) -> bool:
    """Default check of items, without a catalogue: none is known to be unavailable."""
    return True


class ClaimService:
    """Make and release claims. A returned claim is durable and counted against all caps."""

    def __init__(
        self,
        claims: ClaimStore,
        hasher: Callable[[ShopName], CustomerHasher],
        secret: Secret,
        is_eligible: EligibilityCheck = accepts_any_customer,
        has_items: ItemsCheck = has_any_item,
    ) -> None:
        self._claims = claims
        self._hasher = hasher
        self._is_eligible = is_eligible
        self._has_items = has_items
        self._digest_key = lru_cache(DERIVED_KEPT)(lambda shop: secret.derive(f"claims:{shop}"))

    def claim(
        self, context: RequestContext, request: ClaimRequest, *, denied: bool = False
    ) -> Claim | ClaimRefusal | ClaimFailure:
        """Hold one redemption for the request's customer. `denied`: the request denies consent.

        A repeated Idempotency-Key returns the earlier claim while it is active and permitted.
        """
        customer = _customer(context)
        _require_store(context)
        self._claims.check_memory()
        attempt = self._attempt(context.shop, customer, request)
        for _ in range(_ATTEMPTS):
            snapshot = self._claims.snapshot(
                context.shop, customer, request.offer, attempt.key_digest
            )
            if snapshot.answer is None:
                found = self._check_offer(context, snapshot, request, denied)
                if not isinstance(found, StoredOffer):
                    return found
                attempt = replace(
                    attempt, revision=found.state.revision, permission=snapshot.permission
                )
            elif not _may_repeat_answer(context, snapshot, attempt, denied):
                return ClaimRefusal.NO_CONSENT
            result = self._claims.claim(context.shop, attempt)
            if result is not ClaimFailure.CHANGED:
                return result
        raise StoreUnavailable("the offer is changing too often; try again")

    def release(
        self, context: RequestContext, claim_id: str, own: CustomerId | None
    ) -> ClaimState | ClaimFailure:
        """Release a claim; with a secret key also a redeemed one, whose redemption is cancelled.

        `own`: the customer it must belong to; None: any customer.
        """
        _require_store(context)
        found = self._claims.find(context.shop, claim_id)
        if found is None:
            return ClaimFailure.NOT_FOUND
        customer = None if own is None else self._hasher(context.shop).key_of(own)
        state = self._claims.release(context.shop, found[0].offer_id, claim_id, customer)
        if state is ClaimState.REDEEMED and context.key.is_secret:
            return self._claims.cancel(context.shop, found[0].offer_id, claim_id, customer)
        return state

    def _check_offer(
        self, context: RequestContext, snapshot: ClaimSnapshot, request: ClaimRequest, denied: bool
    ) -> StoredOffer | ClaimRefusal | ClaimFailure:
        """Return the offer if consent, eligibility and channel permit the claim."""
        admission = _admission(context, snapshot, Purpose.OFFERS, denied)
        if isinstance(admission, ConsentRefused):
            return ClaimRefusal.NO_CONSENT
        stored = snapshot.stored
        if stored is None:
            return ClaimFailure.NOT_FOUND
        if not stored.offer.is_generic:
            personal = _admission(context, snapshot, Purpose.PERSONALIZATION, denied)
            if isinstance(personal, ConsentRefused):
                return ClaimRefusal.NO_CONSENT
            if not self._is_eligible(context, stored, AdmittedToOffers(personal, admission)):
                return ClaimRefusal.NOT_ELIGIBLE
        channels = stored.offer.channels
        if channels and request.channel is not None and request.channel not in channels:
            return ClaimRefusal.CHANNEL
        return stored if self._has_items(context, stored.offer) else ClaimRefusal.ITEMS

    def _attempt(
        self, shop: ShopName, customer: CustomerKey, request: ClaimRequest
    ) -> ClaimAttempt:
        key = self._digest_key(shop)
        content = "\0".join([request.offer, request.channel or "", request.decision_id or ""])
        return ClaimAttempt(
            claim_id=secrets.token_hex(_CLAIM_ID_BYTES),
            offer=request.offer,
            customer=customer,
            channel=request.channel,
            key_digest="" if request.key is None else _keyed_hash(key, request.key),
            request_digest=_keyed_hash(key, content),
        )


def _keyed_hash(key: bytes, text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=_HASH_BYTES, key=key).hexdigest()


def _may_repeat_answer(
    context: RequestContext, snapshot: ClaimSnapshot, attempt: ClaimAttempt, denied: bool
) -> bool:
    """Return whether the customer still permits the answer to a repeated Idempotency-Key.

    Without consent, a used key is indistinguishable from an unused one.
    """
    answer = snapshot.answer
    is_same = answer is not None and answer.request_digest == attempt.request_digest
    is_personal = snapshot.stored is not None and not snapshot.stored.offer.is_generic
    needed = [Purpose.OFFERS]
    if is_personal or (answer is not None and is_same and answer.claim.code):
        needed.append(Purpose.PERSONALIZATION)
    admissions = [_admission(context, snapshot, purpose, denied) for purpose in needed]
    return not any(isinstance(admission, ConsentRefused) for admission in admissions)


def _admission(
    context: RequestContext, snapshot: ClaimSnapshot, purpose: Purpose, denied: bool
) -> Admitted | ConsentRefused:
    return (NO_PERMISSION if denied else snapshot.permission).admit(_customer(context), purpose)


def _customer(context: RequestContext) -> CustomerKey:
    if context.customer is None:
        raise TypeError("a claim needs a customer")
    return context.customer


def _require_store(context: RequestContext) -> None:
    """Refuse to claim when the API keys could not be checked against the store."""
    if not context.store_answered:
        raise StoreUnavailable("claims are unavailable; try again")
