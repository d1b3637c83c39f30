"""Read the trending counts: weight of each item's events per day. `add_events.lua` writes them."""

from collections.abc import Iterable, Mapping
from typing import cast

from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections, store_faults

DayCounts = Mapping[bytes, float]  # item id → weight


class TrendingCountStore:
    def __init__(self, connections: Connections) -> None:
        self._redis = connections.writes  # no request waits for this read

    def epoch(self, shop: ShopName) -> int:
        """Return the epoch of the counts: it increases with each change."""
        with store_faults():
            epoch = self._redis.hget(redis_keys.epochs(shop), redis_keys.EPOCH_OF_COUNTS)
        try:
            return int(cast("bytes", epoch or 0))
        except ValueError:
            raise StoreUnavailable("the epoch of the trending counts cannot be read") from None

    def of_days(self, shop: ShopName, days: Iterable[int], limit: int) -> dict[int, DayCounts]:
        """Return the `limit` greatest counts of each day."""
        days = list(days)
        with store_faults():
            pipeline = self._redis.pipeline(transaction=False)
            for day in days:
                pipeline.zrevrange(redis_keys.counts_of(shop, day), 0, limit - 1, withscores=True)
            found = cast("list[list[tuple[bytes, float]]]", pipeline.execute())
        return {day: dict(counts) for day, counts in zip(days, found, strict=True)}
