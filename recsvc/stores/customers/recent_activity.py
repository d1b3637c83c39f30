"""Recent events and latest purchases of a customer in their stored format, for the export."""

from typing import cast

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


class PurchaseStore:
    def __init__(self, connections: Connections) -> None:
        self._redis = connections.writes

    def of(self, shop: ShopName, customer: CustomerKey) -> list[bytes]:
        """Return the entries, newest first."""
        with store_faults():
            found = self._redis.lrange(redis_keys.purchases(shop, customer), 0, -1)
        return cast("list[bytes]", found)
