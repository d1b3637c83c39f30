"""Profiles as the shop writes and reads them. What decides for a person reads them elsewhere."""

from collections.abc import Callable, Iterable

from recsvc.domain.consent import Flag
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.identity import CustomerHasher, CustomerKey
from recsvc.domain.ids import CustomerId, ShopName
from recsvc.domain.profile import Change, Told
from recsvc.stores.profiles import NewProfile, ProfileStore
from recsvc.usecases.entrance import Visit


class ProfileDesk:
    """Takes and shows profiles. What returned is durable, and in force for every later request."""

    def __init__(self, store: ProfileStore, hasher: Callable[[ShopName], CustomerHasher]) -> None:
        self._store = store
        self._hasher = hasher

    def put(self, visit: Visit, told: Told) -> None:
        """Put what is told in place of all that was known of the visit's customer."""
        flags = {flag: flag in told.flags for flag in Flag}
        self._store.put_many(visit.shop, [NewProfile(_customer(visit), told.profile, flags)])

    def patch(self, visit: Visit, change: Change) -> Told:
        return self._store.change(visit.shop, _customer(visit), change)

    def get(self, visit: Visit) -> Told:
        return self._store.get(visit.shop, _customer(visit))

    def put_many(self, visit: Visit, changes: Iterable[tuple[CustomerId, Change]]) -> None:
        """Put new profiles. An import of segments must not lift a restriction: flags stay."""
        _check(visit)
        key_of = self._hasher(visit.shop).key_of
        new = (
            NewProfile(key_of(who), change.alone().profile, change.flags) for who, change in changes
        )
        self._store.put_many(visit.shop, new)


def _customer(visit: Visit) -> CustomerKey:
    _check(visit)
    if visit.customer is None:
        raise TypeError("a visit about nobody has no profile")
    return visit.customer


def _check(visit: Visit) -> None:
    """Never acknowledge on keys that may be out of date."""
    if not visit.store_answered:
        raise StoreUnavailable("profiles cannot be read or written at the moment; try again")
