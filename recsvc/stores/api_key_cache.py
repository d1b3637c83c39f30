"""The API keys as one worker knows them, kept current by the epoch that each trip brings."""

from collections.abc import Iterable
from dataclasses import dataclass

from recsvc.domain.api_keys import ApiKey, key_sha256, shop_of_key
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.values.ids import ShopName
from recsvc.stores.api_keys import ApiKeyStore, KeySnapshot
from recsvc.stores.request_read import NO_REPLY, RequestData


@dataclass(frozen=True, slots=True)
class Authentication:
    """Whose key it is (None: nobody's), and the reply to go on with.

    The reply is emptied when the keys could not be brought up to date: a key that may have
    been revoked since gets anonymous answers and writes nothing.
    """

    key: ApiKey | None
    reply: RequestData


class ApiKeyCache:
    """Judges the keys of requests. Holds a snapshot per shop that has keys, and no other."""

    def __init__(self, store: ApiKeyStore) -> None:
        self._store = store
        self._snapshots: dict[ShopName, KeySnapshot] = {}

    def preload(self, shops: Iterable[ShopName]) -> None:
        """Take a snapshot of each shop, so that its keys can be judged in an outage."""
        for shop in shops:
            self._catch_up(shop)

    def authenticate(self, text: str, reply: RequestData) -> Authentication:
        """Judge the key after the trip to the shop that it names.

        Raises StoreUnavailable when there is nothing to judge by.
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
            raise StoreUnavailable("no key of this shop can be judged while the store is away")
        return Authentication(snapshot.find(key_sha256(text)), reply)

    def knows(self, text: str) -> bool:
        """Whether the key was a live one when this worker last looked."""
        shop = shop_of_key(text)
        snapshot = None if shop is None else self._snapshots.get(shop)
        return snapshot is not None and snapshot.find(key_sha256(text)) is not None

    def _catch_up(self, shop: ShopName) -> KeySnapshot:
        snapshot = self._store.snapshot(shop)
        if snapshot.keys:
            self._snapshots[shop] = snapshot
        return snapshot
