"""Reads of the consent history: all rows, or those of one customer. Writes nothing."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import redis

from recsvc.domain.consent.hash_chain import (
    ChainedRow,
    ChainHead,
    HistoryRow,
    empty_head,
    is_digest,
    parse_head,
    read_row,
)
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections, store_faults

_ROWS_PER_READ = 1000
_FIELDS = {b"row", b"hash"}


class HistoryStore:
    def __init__(self, connections: Connections) -> None:
        self._redis = connections.writes

    def head(self, shop: ShopName) -> ChainHead | None:
        """Return the stored head; None if it is missing or unreadable."""
        with store_faults():
            stored = cast("bytes | None", self._redis.get(redis_keys.audit_head(shop)))
        return parse_head((stored or b"").decode(errors="replace"))

    def is_readable(self, shop: ShopName) -> bool:
        """Return False if the key of the history holds a value of another type."""
        with store_faults():
            return self._redis.type(redis_keys.history(shop)) in (b"stream", b"none")

    def head_and_last_row(self, shop: ShopName) -> tuple[ChainHead | None, int]:
        """Return the stored head and the number of the last row, in one transaction."""
        with store_faults():
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.get(redis_keys.audit_head(shop))
            pipeline.xrevrange(redis_keys.history(shop), count=1)
            stored, last = pipeline.execute(raise_on_error=False)
            if isinstance(last, redis.RedisError):
                raise last
            text = _head_text(stored)
        return parse_head(text), read_entry(*last[0]).n if last else 0

    def chained_rows(
        self, shop: ShopName, first: int = 1, last: int | None = None
    ) -> Iterator[ChainedRow]:
        """Yield the stored rows from `first` to `last`."""
        end = "+" if last is None else f"{last}-0"
        while True:
            with store_faults():
                found = self._redis.xrange(
                    redis_keys.history(shop), f"{first}-0", end, _ROWS_PER_READ
                )
            entries = cast("list[Any]", found)
            links = [read_entry(*entry) for entry in entries]
            yield from links
            if len(links) < _ROWS_PER_READ:
                return
            first = links[-1].n + 1

    def all_rows_of(self, shop: ShopName, key: CustomerKey) -> Iterator[HistoryRow]:
        """Yield every row of one customer in order."""
        start = 0
        while rows := self.rows_of(shop, key, start, _ROWS_PER_READ):
            yield from rows
            start += _ROWS_PER_READ

    def rows_of(
        self, shop: ShopName, key: CustomerKey, start: int, limit: int
    ) -> Sequence[HistoryRow]:
        """Return up to `limit` rows of one customer in order, from index `start` on.

        Unreadable rows are skipped; the audit reports them.
        """
        with store_faults():
            numbers = self._redis.lrange(redis_keys.history_of(shop, key), start, start + limit - 1)
            pipeline = self._redis.pipeline(transaction=False)
            for number in cast("list[bytes]", numbers):
                entry = f"{number.decode()}-0"
                pipeline.xrange(redis_keys.history(shop), entry, entry)
            found = pipeline.execute()
        rows = (read_row(read_entry(*entries[0]).row) for entries in found if entries)
        return [row for row in rows if row is not None]


def _head_text(stored: Any) -> str:
    """Return the text of the head; empty if its key holds another type."""
    if isinstance(stored, redis.RedisError):
        if not str(stored).startswith("WRONGTYPE"):
            raise stored
        return ""
    return (stored or b"").decode(errors="replace")


def read_entry(name: bytes, fields: dict[bytes, bytes]) -> ChainedRow:
    """Decode a stream entry. A missing field is empty, so its hash cannot match."""
    number = name.partition(b"-")[0]
    digest = fields.get(b"hash", b"").decode(errors="replace")
    return ChainedRow(int(number), fields.get(b"row", b""), digest, fields.keys() <= _FIELDS)


def latest_head(shop: ShopName, stored: bytes | None, last: list[Any]) -> ChainHead:
    """Return the end of the history: the later one if the stored head and the last row differ.

    A lost head must not block withdrawals; the audit reports it.
    """
    head = parse_head((stored or b"").decode(errors="replace")) or empty_head(shop)
    link = read_entry(*last[0]) if last else None
    if link is None or link.n <= head.count or not is_digest(link.digest):
        return head
    row = read_row(link.row)
    return ChainHead(link.n, link.digest, head.at_us if row is None else row.at)
