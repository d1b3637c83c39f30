"""One worker's cache of API keys, updated when a request's Redis read shows a new epoch."""

from collections.abc import Iterable
from dataclasses import dataclass

from recsvc.domain.api_keys import ApiKey, key_sha256, shop_of_key
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.values.ids import ShopName
from recsvc.stores.api_keys import ApiKeyStore, KeySnapshot
from recsvc.stores.request_read import NO_REPLY, RequestData


@dataclass(frozen=True, slots=True)
class Authentication:
    """The authenticated key (None: unknown key) and the request's data.

    The data is emptied if the keys could not be updated: the key may have been revoked since, so
    the request is answered anonymously and writes nothing.
    """

    key: ApiKey | None
    reply: RequestData


class ApiKeyCache:
    """Authenticates API keys. Holds one snapshot per shop that has keys."""

    def __init__(self, store: ApiKeyStore) -> None:
        self._store = store
        self._snapshots: dict[ShopName, KeySnapshot] = {}

    def preload(self, shops: Iterable[ShopName]) -> None:
        """Load a snapshot of each shop, so that its keys can be authenticated in an outage."""
        for shop in shops:
            self._catch_up(shop)

    def authenticate(self, text: str, reply: RequestData) -> Authentication:
        """Authenticate the key after the Redis read of the shop that its text names.

        Raises StoreUnavailable if neither the store nor a snapshot is available.
        """
        shop = shop_of_key(text)
        if shop is None:
            return Authentication(None, reply)
        snapshot = self._snapshots.get(shop)
        if reply.epochs is not None and not reply.epochs.keys:
            self._snapshots.pop(shop, None)
            return Authentication(None, reply)
        if reply.epochs is not None and (snapshot is None or snapshot.epoch != reply.epochs.keys):
            try:
                snapshot = self._catch_up(shop)
            except StoreUnavailable:
                reply = NO_REPLY
        if snapshot is None:
            raise StoreUnavailable("API keys of this shop cannot be checked: store unavailable")
        return Authentication(snapshot.find(key_sha256(text)), reply)

    def knows(self, text: str) -> bool:
        """Return True if the key was live in this worker's last snapshot."""
        shop = shop_of_key(text)
        snapshot = None if shop is None else self._snapshots.get(shop)
        return snapshot is not None and snapshot.find(key_sha256(text)) is not None

    def _catch_up(self, shop: ShopName) -> KeySnapshot:
        snapshot = self._store.snapshot(shop)
        if snapshot.keys:
            self._snapshots[shop] = snapshot
        return snapshot
