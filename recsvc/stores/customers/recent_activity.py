"""Recent events, impressions and purchase history of a customer, for the export."""

from typing import cast

import redis

from recsvc.domain.customers.old_purchases import history_of
from recsvc.domain.customers.purchase_history import PurchaseHistory, decode
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections, store_faults


class RecentEventStore:
    def __init__(self, connections: Connections) -> None:
        self._redis = connections.writes

    def of(self, shop: ShopName, customer: CustomerKey) -> list[bytes]:
        """Return the entries, newest first."""
        with store_faults():
            found = self._redis.lrange(redis_keys.recent(shop, customer), 0, -1)
        return cast("list[bytes]", found)

    def impressions_of(self, shop: ShopName, customer: CustomerKey) -> list[bytes]:
        """Return the entries of the impressions, newest first."""
        with store_faults():
            found = self._redis.lrange(redis_keys.impressions(shop, customer), 0, -1)
        return cast("list[bytes]", found)


class PurchaseStore:
    def __init__(self, connections: Connections) -> None:
        self._redis = connections.writes

    def of(self, shop: ShopName, customer: CustomerKey) -> PurchaseHistory:
        """Return the purchase history; of an older release, what it becomes."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.time()
        pipeline.get(redis_keys.purchases(shop, customer))
        pipeline.lrange(redis_keys.purchases(shop, customer), 0, -1)
        with store_faults():
            (seconds, _), text, old_list = pipeline.execute(raise_on_error=False)
            return stored_history(text, old_list, seconds)


def stored_history(text: object, old_list: object, now_seconds: int) -> PurchaseHistory:
    """Return the history of a key, of which one reply is the error of the wrong type.

    Raise RedisError if both are errors.
    """
    if not isinstance(text, redis.RedisError):
        return decode(cast("bytes | None", text) or b"")
    if isinstance(old_list, redis.RedisError):
        raise old_list
    return history_of(cast("list[bytes]", old_list), now_seconds)
