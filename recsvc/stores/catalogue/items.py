"""The live catalogue in the store: one hash per shop, one JSON record per item.

A script makes every change: it writes the records, the epoch, and the log entry with the changed
ids. An empty record is a deleted item: unlike an item without a record, it must not be recommended
even if a model knows it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import cast

import msgspec
import redis
import structlog
from redis.typing import EncodableT as Encoded

from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.values.ids import ItemId, ShopName
from recsvc.stores.catalogue.change_log import FEW_ENTRIES, LOG_ENTRIES, ChangeLog
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections, store_faults
from recsvc.stores.client.lua import load_script

_DELETED = b""

_ITEMS_PER_WRITE = 1000
_ITEMS_PER_SCAN = 1000
_FEW_ITEMS = 10
_LOG_ENTRIES_OF_MANY_ITEMS = 200  # the log of a large import must not outgrow the catalogue
_PATCH_ATTEMPTS = 20

_WRITE_ITEMS = load_script("catalogue/write_items.lua")

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CatalogueChanges:
    """The changed records up to `epoch`."""

    epoch: int
    records: Mapping[ItemId, bytes]


class CatalogueStore:
    def __init__(self, connections: Connections) -> None:
        self._redis = connections.writes
        self._reads = connections.reads
        self._changes = ChangeLog(
            connections.reads, redis_keys.EPOCH_OF_CATALOGUE, redis_keys.items_log
        )
        self._write = connections.writes.register_script(_WRITE_ITEMS)

    def put_many(self, shop: ShopName, items: Iterable[CatalogueItem]) -> int:
        """Replace the records of the items; return the number of items.

        Each chunk is written atomically, with its epoch.
        """
        remaining = iter(items)
        count = 0
        while chunk := tuple(islice(remaining, _ITEMS_PER_WRITE)):
            self._apply(shop, {item.item_id: msgspec.json.encode(item) for item in chunk})
            count += len(chunk)
        return count

    def change(
        self, shop: ShopName, item_id: ItemId, change: Callable[[CatalogueItem], CatalogueItem]
    ) -> CatalogueItem | None:
        """Replace the item by `change(item)`, retried on concurrent changes; None: no such item."""
        for _ in range(_PATCH_ATTEMPTS):
            record = self._record(shop, item_id)
            item = decode_item(shop, record)
            if item is None:
                return None
            changed = change(item)
            if self._apply(shop, {item_id: msgspec.json.encode(changed)}, record):
                return changed
        raise StoreUnavailable("other writers keep changing this item; try again")

    def delete(self, shop: ShopName, item_id: ItemId) -> None:
        """Mark the item as deleted, so that no answer contains it until it is put again."""
        self._apply(shop, {item_id: _DELETED})

    def get(self, shop: ShopName, item_id: ItemId) -> CatalogueItem | None:
        return decode_item(shop, self._record(shop, item_id))

    def all(self, shop: ShopName) -> Iterator[CatalogueItem]:
        """Yield every item once, unordered. An unreadable record is logged and skipped."""
        seen: set[bytes] = set()
        for item_id, record in self._scan(shop, self._redis):
            if item_id in seen:
                continue
            seen.add(item_id)
            item = decode_item(shop, record)
            if item is not None:
                yield item

    def changes_since(
        self, shop: ShopName, epoch: int | None, max_entries: int = FEW_ENTRIES
    ) -> CatalogueChanges | None:
        """Return the records changed since a worker's `epoch` (None: it has read nothing).

        None: the log lacks some, or has more than `max_entries` changes; then read the `whole`.
        Records may be newer than the returned epoch; the next read then returns them again.
        """
        changed = None if epoch is None else self._changes.changed_ids(shop, epoch, max_entries)
        if changed is None:
            return None
        now, ids = changed
        with store_faults():
            records = self._reads.hmget(redis_keys.items(shop), ids) if ids else []
        found = zip(ids, cast("list[bytes | None]", records), strict=True)
        return CatalogueChanges(now, {ItemId(i): record or _DELETED for i, record in found})

    def whole(self, shop: ShopName) -> CatalogueChanges:
        """Return every item; an item that changes meanwhile is in the next changes again."""
        epoch = self._changes.epoch(shop)  # read first
        return CatalogueChanges(epoch, {_id(i): r for i, r in self._scan(shop, self._reads)})

    def _record(self, shop: ShopName, item_id: ItemId) -> bytes:
        with store_faults():
            record = self._redis.hget(redis_keys.items(shop), item_id)
        return cast("bytes | None", record) or _DELETED

    def _apply(
        self, shop: ShopName, records: Mapping[ItemId, bytes], expected: bytes = b""
    ) -> bool:
        few = len(records) <= _FEW_ITEMS
        arguments: list[Encoded] = [
            LOG_ENTRIES if few else _LOG_ENTRIES_OF_MANY_ITEMS,
            msgspec.json.encode(list(records)),
            expected,
        ]
        for item_id, record in records.items():
            arguments += (item_id, record)
        keys = [redis_keys.items(shop), redis_keys.epochs(shop), redis_keys.items_log(shop)]
        with store_faults():
            return bool(self._write(keys=keys, args=arguments))

    def _scan(self, shop: ShopName, client: redis.Redis) -> Iterator[tuple[bytes, bytes]]:
        cursor = None
        while cursor != 0:
            with store_faults():
                cursor, found = client.hscan(
                    redis_keys.items(shop), cursor or 0, count=_ITEMS_PER_SCAN
                )
            yield from cast("dict[bytes, bytes]", found).items()


def decode_item(shop: ShopName, record: bytes) -> CatalogueItem | None:
    """Read a record; None for a deleted item and, with a log line, for an unreadable record."""
    if not record:
        return None
    try:
        return msgspec.json.decode(record, type=CatalogueItem)
    except msgspec.DecodeError:
        _log.warning("catalogue_item_unreadable", shop=shop)
        return None


def _id(name: bytes) -> ItemId:
    return ItemId(name.decode(errors="replace"))
