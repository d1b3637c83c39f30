"""Profiles as the shop writes and reads them. What decides for a person reads them elsewhere."""

from collections.abc import Callable, Iterable

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
        self._store.put_many(visit.shop, [NewProfile(_customer(visit), told)])

    def patch(self, visit: Visit, change: Change) -> Told:
        return self._store.change(visit.shop, _customer(visit), change)

    def get(self, visit: Visit) -> Told:
        return self._store.get(visit.shop, _customer(visit))

    def put_many(self, visit: Visit, told: Iterable[tuple[CustomerId, Told]]) -> None:
        _check(visit)
        key_of = self._hasher(visit.shop).key_of
        self._store.put_many(visit.shop, (NewProfile(key_of(who), what) for who, what in told))


def _customer(visit: Visit) -> CustomerKey:
    _check(visit)
    if visit.customer is None:
        raise TypeError("a visit about nobody has no profile")
    return visit.customer


def _check(visit: Visit) -> None:
    """Never acknowledge on keys that may be out of date."""
    if not visit.store_answered:
        raise StoreUnavailable("profiles cannot be read or written at the moment; try again")
