"""The live catalogue in the store: one hash per shop, one JSON record per item."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import cast

import msgspec
import structlog
from redis.typing import EncodableT as Encoded

from recsvc.domain.catalogue import CatalogueItem
from recsvc.domain.ids import ShopName
from recsvc.stores import redis_keys
from recsvc.stores.connection import Connections, store_faults

_ITEMS_PER_WRITE = 1000
_ITEMS_PER_SCAN = 1000

_log = structlog.get_logger()


class CatalogueStore:
    def __init__(self, connections: Connections) -> None:
        self._redis = connections.writes

    def put_many(self, shop: ShopName, items: Iterable[CatalogueItem]) -> int:
        """Put each item in place of what was known of it; return how many there were.

        Every chunk is in force as a whole, with the epoch that tells the workers.
        """
        remaining = iter(items)
        count = 0
        while chunk := tuple(islice(remaining, _ITEMS_PER_WRITE)):
            records: dict[Encoded, Encoded] = {
                item.item_id: msgspec.json.encode(item) for item in chunk
            }
            with store_faults():
                pipeline = self._redis.pipeline(transaction=True)
                pipeline.hset(redis_keys.items(shop), mapping=records)
                pipeline.hincrby(redis_keys.epochs(shop), redis_keys.EPOCH_OF_CATALOGUE, 1)
                pipeline.execute()
            count += len(chunk)
        return count

    def all(self, shop: ShopName) -> Iterator[CatalogueItem]:
        """Yield every item once, in no order. A record that cannot be read is logged."""
        seen: set[bytes] = set()
        cursor = None
        while cursor != 0:
            with store_faults():
                cursor, found = self._redis.hscan(
                    redis_keys.items(shop), cursor or 0, count=_ITEMS_PER_SCAN
                )
            for item_id, record in cast("dict[bytes, bytes]", found).items():
                if item_id not in seen:
                    seen.add(item_id)
                    yield from _decoded(shop, record)


def _decoded(shop: ShopName, record: bytes) -> Iterator[CatalogueItem]:
    try:
        yield msgspec.json.decode(record, type=CatalogueItem)
    except msgspec.DecodeError:
        _log.warning("catalogue_item_unreadable", shop=shop)
