"""Authorization of a request: after its Redis read, with keys as current as that read.

The key's text names the shop, the Redis read asks that shop, and only then is the key
authenticated: a revocation applies to every request that starts after its acknowledgement. Equal
refusals are equal bytes: a browser learns nothing about other customers than its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache, partial

from recsvc.domain.api_keys import ApiKey, KeyKind, Scope, shop_of_key
from recsvc.domain.consent.consent import UNREADABLE_POLICY, ConsentPolicy, ConsentStatus
from recsvc.domain.consent.gate import Sealed
from recsvc.domain.errors import Forbidden, SecretMismatch, Unauthorized
from recsvc.domain.values.customer_keys import CustomerHasher, CustomerKey, Secret
from recsvc.domain.values.ids import CustomerId, ShopName
from recsvc.stores.api_key_cache import ApiKeyCache
from recsvc.stores.api_keys import ApiKeyStore
from recsvc.stores.consents.policy_clock import PolicyClock
from recsvc.stores.request_read import OfferData, RequestData, RequestRead
from recsvc.usecases.access import customer_tokens
from recsvc.usecases.access.customer_tokens import BadToken
from recsvc.usecases.access.rate_limits import LimitedBy, RateLimits, limited

# Cached hashers of shops and signing secrets of keys. A caller can name any shop, so the number is
# bounded.
DERIVED_KEPT = 64


class BrowserAccess(Enum):
    """The access of publishable keys to a route."""

    NOTHING = "nothing"
    ANONYMOUS = "anonymous"
    OWN_CUSTOMER = "own_customer"
    WITH_TOKEN = "with_token"  # noqa: S105 - the view limits it to the token's customer
    ANYBODY_OR_OWN = "anybody_or_own"


@dataclass(frozen=True, slots=True)
class RouteAccess:
    """The access to a route: secret keys need `scope`, publishable keys get `browser`.

    `extra_scope`: a second scope for some members of the body and for an answer with personal data.
    """

    scope: Scope
    browser: BrowserAccess = BrowserAccess.NOTHING
    extra_scope: Scope | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of a request, and the name of its client address."""

    key: str
    customer_token: str | None = None
    address: str = ""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """An authorized request, with the data of its Redis read.

    `consent` is None if it could not be read, and for requests without a customer;
    `store_answered` is False in an outage. `policy` is the consent policy of the shop.
    `offer_data` is present where a decision on offers needs it.
    """

    key: ApiKey
    shop: ShopName
    customer: CustomerKey | None
    consent: ConsentStatus | None
    store_answered: bool
    catalogue_epoch: int | None = None
    recent_events: Sealed | None = None
    history: Sealed | None = None
    policy: ConsentPolicy = UNREADABLE_POLICY
    offers_epoch: int | None = None
    offer_data: OfferData | None = None
    impressions: Sealed | None = None

    @property
    def met_unreadable_consent(self) -> bool:
        """Return True if the customer's consent record could not be decoded: it denies."""
        if self.customer is None or not self.store_answered:
            return False
        return self.consent is None or bool(self.consent.record.unreadable)


class RequestAccess:
    """Authorizes requests."""

    def __init__(
        self,
        request_read: RequestRead,
        key_cache: ApiKeyCache,
        key_store: ApiKeyStore,
        secret: Secret,
        clock: Callable[[], datetime],
        limits: RateLimits,
        policy_clock: PolicyClock,
    ) -> None:
        self._request_read = request_read
        self._key_cache = key_cache
        self._clock = clock
        self._limits = limits
        self._policy_clock = policy_clock
        self._signing_secret = lru_cache(DERIVED_KEPT)(key_store.signing_secret)
        self._hasher = lru_cache(DERIVED_KEPT)(partial(CustomerHasher, secret))

    def authorize(
        self,
        credentials: Credentials,
        access: RouteAccess,
        customer: CustomerId | None = None,
        *,
        bypasses_limits: bool = False,
        for_offers: bool = False,
        for_rotation: bool = False,
        uses_write_timeout: bool = False,
    ) -> RequestContext:
        """Make the request's Redis read, authenticate the key and check its access.

        Raises Unauthorized, Forbidden, RateLimited or StoreUnavailable. `bypasses_limits`: skip
        per-key and per-address rate limits (withdrawals, erasures). `for_offers`: also read the
        customer's offer data; `for_rotation`: the impressions. `uses_write_timeout`: wait 2 s for
        the store instead of `RECSVC_READ_TIMEOUT_MS`.
        """
        shop = shop_of_key(credentials.key)
        if shop is None:
            raise no_such_key()
        is_counted = not bypasses_limits and credentials.key.startswith(KeyKind.PUBLISHABLE)
        if is_counted:
            self._limits.take_for_browser(credentials.address, credentials.key)
        elif customer is None or not bypasses_limits:
            self._allow_look_up(credentials)
        customer_key = None if customer is None else self._hasher(shop).key_of(customer)
        reply = self._request_read.read(
            shop,
            customer_key,
            for_offers=for_offers,
            for_rotation=for_rotation,
            uses_write_timeout=uses_write_timeout,
        )
        authentication = self._key_cache.authenticate(credentials.key, reply)
        if authentication.key is None:
            if not is_counted:
                self._limits.take_for_unknown_key(credentials.address)
            raise no_such_key()
        self.check_key_allows(authentication.key, credentials, access, customer)
        may_deny = access.extra_scope is None or authentication.key.allows(access.extra_scope)
        if not (bypasses_limits and authentication.key.is_secret and may_deny):
            self._count(authentication.key, customer_key)
        return self._context(authentication.key, customer_key, authentication.reply)

    def _context(
        self, key: ApiKey, customer: CustomerKey | None, data: RequestData
    ) -> RequestContext:
        policy, consent = self._policy_clock.policy(data.minimums), data.consent
        now_us = self._policy_clock.now_us
        return RequestContext(
            key,
            key.shop,
            customer,
            None if consent is None else ConsentStatus(consent, now_us(), policy),
            store_answered=data.is_current,
            catalogue_epoch=None if data.epochs is None else data.epochs.catalogue,
            recent_events=data.recent_events,
            history=data.history,
            policy=policy,
            offers_epoch=None if data.epochs is None else data.epochs.offers,
            offer_data=data.offer_data,
            impressions=data.impressions,
        )

    def count_for(self, context: RequestContext, customer: CustomerId) -> None:
        """Count a request that names its customer in the body, after the token is verified."""
        self._count(context.key, self._hasher(context.shop).key_of(customer))

    def _allow_look_up(self, credentials: Credentials) -> None:
        """Raise if this address has sent too many unknown keys for another look-up.

        Not applied to withdrawals: the key may be too new for this worker's cache, so it must be
        looked up. An unknown-key flood there costs no more than one with a publishable key, and
        counts against the address's other requests.
        """
        wait = self._limits.seconds_until_look_up(credentials.address)
        if wait and not self._key_cache.knows(credentials.key):
            raise limited(LimitedBy.ADDRESS, wait)

    def _count(self, key: ApiKey, customer: CustomerKey | None) -> None:
        if key.is_secret:
            self._limits.take_for_secret_key(key.key_id, key.limit)
        elif customer is not None:
            self._limits.take_for_customer(customer)

    def recognises(self, credentials: Credentials) -> bool:
        """Return True if the key is live in this worker's cache. It authorizes nothing.

        The body of a request that names its customer there is read on this answer; the request is
        authorized after its Redis read only.
        """
        return self._key_cache.knows(credentials.key)

    def check_key_allows(
        self,
        key: ApiKey,
        credentials: Credentials,
        access: RouteAccess,
        customer: CustomerId | None,
    ) -> None:
        """Raise unless the authenticated key may use the route for the customer."""
        if key.is_secret:
            if not key.allows(access.scope):
                raise Forbidden(f"this key lacks the scope {access.scope}", code="missing_scope")
        elif access.browser is BrowserAccess.OWN_CUSTOMER:
            if customer is None or self._token_customer(key, credentials) != customer:
                raise other_customer()
        elif access.browser is BrowserAccess.WITH_TOKEN:
            if self._token_customer(key, credentials) is None:
                raise other_customer()
        elif access.browser is BrowserAccess.ANYBODY_OR_OWN:
            if customer is not None and self._token_customer(key, credentials) != customer:
                raise other_customer()
        elif access.browser is BrowserAccess.NOTHING:
            raise Forbidden("this path requires a secret key", code="secret_key_needed")

    def token_customer(self, key: ApiKey, credentials: Credentials) -> CustomerId | None:
        """Return the only customer whose data the request may touch; None for a secret key."""
        return None if key.is_secret else self._token_customer(key, credentials)

    def _token_customer(self, key: ApiKey, credentials: Credentials) -> CustomerId | None:
        """Return the customer of the request's token; None without a token."""
        if credentials.customer_token is None:
            return None
        kids = frozenset({key.key_id, credentials.key})
        try:
            signing_secret = self._signing_secret(key)
            return customer_tokens.verify(
                credentials.customer_token, kids, signing_secret, self._clock()
            )
        except BadToken as fault:
            raise bad_token(str(fault)) from None
        except SecretMismatch:
            raise bad_token("the key was made under another secret of the service") from None


def no_such_key() -> Unauthorized:
    return Unauthorized("a valid key is required: Authorization: Bearer <key>", code="bad_key")


def bad_token(fault: str) -> Unauthorized:
    return Unauthorized(
        f"the X-Customer-Token is not valid: {fault}; it must be a JWT, signed by HS256 with this "
        "key's signing secret, with kid, sub, iat, and exp at most 15 minutes after iat",
        code="bad_customer_token",
    )


def other_customer() -> Forbidden:
    return Forbidden(
        "a publishable key reaches only the customer of its X-Customer-Token",
        code="not_this_customer",
    )
