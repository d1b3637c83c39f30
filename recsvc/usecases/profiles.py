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

    def put(self, visit: Visit, change: Change) -> Told:
        """Put a profile in place of the one that was known; flags that are not named stay."""
        customer = _customer(visit)
        new = NewProfile(customer, change.alone(), change.flags)
        self._store.put_many(visit.shop, [new], visit.key.key_id)
        return self._store.get(visit.shop, customer)

    def patch(self, visit: Visit, change: Change) -> Told:
        return self._store.change(visit.shop, _customer(visit), change, visit.key.key_id)

    def get(self, visit: Visit) -> Told:
        return self._store.get(visit.shop, _customer(visit))

    def put_many(self, visit: Visit, changes: Iterable[tuple[CustomerId, Change]]) -> None:
        """Put each customer's, as `put` does: a list of segments must not lift a restriction."""
        _check(visit)
        key_of = self._hasher(visit.shop).key_of
        profiles = (NewProfile(key_of(who), each.alone(), each.flags) for who, each in changes)
        self._store.put_many(visit.shop, profiles, visit.key.key_id)


def _customer(visit: Visit) -> CustomerKey:
    _check(visit)
    if visit.customer is None:
        raise TypeError("a visit about nobody has no profile")
    return visit.customer


def _check(visit: Visit) -> None:
    """Never acknowledge on keys that may be out of date."""
    if not visit.store_answered:
        raise StoreUnavailable("profiles cannot be read or written at the moment; try again")
