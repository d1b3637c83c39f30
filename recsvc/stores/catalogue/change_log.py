"""The change logs that workers follow: per kind of object an epoch and a log of changed ids.

A script that changes objects calls `publish_change`, so the change and its epoch are one step.
"""

from collections.abc import Callable
from typing import cast

import msgspec
import redis

from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import store_faults

FEW_ENTRIES = 200  # changes that are read while a request waits
ALL_ENTRIES = 11_000  # above the length that the log is trimmed to: reads all
LOG_ENTRIES = 10_000


class ChangeLog:
    """The change log of one kind of object. Read-only, with the timeouts of a request."""

    def __init__(self, reads: redis.Redis, epoch_name: str, log: Callable[[ShopName], str]) -> None:
        self._reads = reads
        self._epoch_name = epoch_name
        self._log = log

    def epoch(self, shop: ShopName) -> int:
        with store_faults():
            epoch = self._reads.hget(redis_keys.epochs(shop), self._epoch_name)
        return self._number(epoch)

    def changed_ids(
        self, shop: ShopName, epoch: int, max_entries: int
    ) -> tuple[int, list[str]] | None:
        """Return the current epoch and the ids changed since `epoch`; None if some are lost."""
        with store_faults():
            pipeline = self._reads.pipeline(transaction=True)
            pipeline.hget(redis_keys.epochs(shop), self._epoch_name)
            pipeline.xrange(self._log(shop), f"{epoch + 1}-0", count=max_entries + 1)
            now, entries = pipeline.execute()
        number = self._number(now)
        if not 0 <= number - epoch <= max_entries or len(entries) != number - epoch:
            return None
        ids: dict[str, None] = {}
        for place, (name, fields) in enumerate(entries, start=1):
            if name != b"%d-0" % (epoch + place):
                return None
            ids.update(dict.fromkeys(msgspec.json.decode(fields[b"ids"], type=list[str])))
        return number, list(ids)

    def _number(self, epoch: object) -> int:
        try:
            return int(cast("bytes", epoch or 0))
        except ValueError:
            raise StoreUnavailable(f"the epoch of the {self._epoch_name} cannot be read") from None
