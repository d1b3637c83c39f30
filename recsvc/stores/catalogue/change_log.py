"""How workers learn what has changed: an epoch per kind of thing, and a log with the ids.

A script that changes something calls `tell`, so that the change and its epoch are one step.
"""

from collections.abc import Callable
from typing import cast

import msgspec
import redis

from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import store_faults

FEW_ENTRIES = 200  # as many changes are read while a request waits
ALL_ENTRIES = 11_000  # more than the log is trimmed to: all that it tells
LOG_ENTRIES = 10_000


class ChangeLog:
    """The log of one kind of thing. Reads alone, with the time-outs of a request."""

    def __init__(self, reads: redis.Redis, epoch_name: str, log: Callable[[ShopName], str]) -> None:
        self._reads = reads
        self._epoch_name = epoch_name
        self._log = log

    def epoch(self, shop: ShopName) -> int:
        with store_faults():
            epoch = self._reads.hget(redis_keys.epochs(shop), self._epoch_name)
        return self._number(epoch)

    def changed_ids(
        self, shop: ShopName, epoch: int, most_entries: int
    ) -> tuple[int, list[str]] | None:
        """Return the epoch and what has changed up to it; None when that cannot be told."""
        with store_faults():
            pipeline = self._reads.pipeline(transaction=True)
            pipeline.hget(redis_keys.epochs(shop), self._epoch_name)
            pipeline.xrange(self._log(shop), f"{epoch + 1}-0", count=most_entries + 1)
            now, entries = pipeline.execute()
        number = self._number(now)
        if not 0 <= number - epoch <= most_entries or len(entries) != number - epoch:
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
