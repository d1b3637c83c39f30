"""Profile use cases: replace, change and read profiles.

Flags restrict the use of personal data as consents do. A key without the `consent` scope can
neither set, clear nor read them.
"""

from collections.abc import Callable, Sequence

from recsvc.domain.api_keys import Scope
from recsvc.domain.consent.consent import Flag
from recsvc.domain.customers.profile import FlaggedProfile, ProfileChange
from recsvc.domain.errors import FieldError, Forbidden, RecsvcError, StoreUnavailable
from recsvc.domain.values.customer_keys import CustomerHasher, CustomerKey
from recsvc.domain.values.ids import CustomerId, ShopName
from recsvc.stores.customers.profiles import NewProfile, ProfileStore, erased_conflict
from recsvc.usecases.access.request_access import RequestContext

FLAG_SCOPE = Scope.CONSENT


class ProfileService:
    """Writes and reads profiles. A returned write is durable and visible to every later request."""

    def __init__(self, store: ProfileStore, hasher: Callable[[ShopName], CustomerHasher]) -> None:
        self._store = store
        self._hasher = hasher

    def put(self, context: RequestContext, change: ProfileChange) -> FlaggedProfile:
        """Replace the profile; flags that are not named keep their value."""
        customer = _customer(context)
        _check_flags(context, change)
        new = NewProfile(customer, change.as_profile(), change.flags)
        if not all(self._store.put_many(context.shop, [new], context.key.key_id)):
            raise erased_conflict()
        return self._store.get(context.shop, customer)

    def patch(self, context: RequestContext, change: ProfileChange) -> FlaggedProfile:
        _check_flags(context, change)
        return self._store.change(context.shop, _customer(context), change, context.key.key_id)

    def get(self, context: RequestContext) -> FlaggedProfile:
        return self._store.get(context.shop, _customer(context))

    def put_many(
        self, context: RequestContext, changes: Sequence[tuple[CustomerId, ProfileChange]]
    ) -> list[RecsvcError | None]:
        """Replace many profiles, each under the rules of `put`; return one error or None each."""
        _check(context)
        key_of = self._hasher(context.shop).key_of
        refused = [_flags_refusal(context, change) for _, change in changes]
        profiles = (
            NewProfile(key_of(customer), change.as_profile(), change.flags)
            for (customer, change), refusal in zip(changes, refused, strict=True)
            if refusal is None
        )
        were_put = iter(self._store.put_many(context.shop, profiles, context.key.key_id))
        return [refusal or (None if next(were_put) else erased_conflict()) for refusal in refused]


def may_read(context: RequestContext) -> bool:
    """Return True if the key may read profiles."""
    return context.key.allows(FLAG_SCOPE)


def _flags_refusal(context: RequestContext, change: ProfileChange) -> Forbidden | None:
    """Return an error if the key may not change the named flags, also if they would not change."""
    if not change.flags or context.key.allows(FLAG_SCOPE):
        return None
    needs = f"changing it needs the scope {FLAG_SCOPE}, which this key lacks"
    return Forbidden(
        f"this key lacks the scope {FLAG_SCOPE}, which changing {', '.join(Flag)} needs",
        code="missing_scope",
        errors=[FieldError(flag, needs) for flag in change.flags],
    )


def _check_flags(context: RequestContext, change: ProfileChange) -> None:
    refusal = _flags_refusal(context, change)
    if refusal is not None:
        raise refusal


def _customer(context: RequestContext) -> CustomerKey:
    _check(context)
    if context.customer is None:
        raise TypeError("a request without a customer has no profile")
    return context.customer


def _check(context: RequestContext) -> None:
    """Raise StoreUnavailable if the request's read failed: the API key may be outdated."""
    if not context.store_answered:
        raise StoreUnavailable("profiles cannot be read or written at the moment; try again")
