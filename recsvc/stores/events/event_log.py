"""Read and delete the entries of a log: of events, or of the ids of decisions.

A drain reads the oldest entries first and deletes them. An export and an erasure select those of
one customer.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, cast

import redis

from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections, store_faults

_ENTRIES_PER_READ = 1000

_Entries = list[tuple[bytes, dict[bytes, bytes]]]  # undecoded, as the client returns them


class EntryId(NamedTuple):
    """The id of an entry: its arrival in ms since 1970, and its number within the millisecond."""

    milliseconds: int
    number: int

    @classmethod
    def parse(cls, text: str) -> "EntryId":
        milliseconds, _, number = text.partition("-")
        return cls(int(milliseconds), int(number))

    @property
    def next(self) -> "EntryId":
        return EntryId(self.milliseconds, self.number + 1)

    def __str__(self) -> str:
        return f"{self.milliseconds}-{self.number}"


@dataclass(frozen=True, slots=True)
class LogEntry:
    entry_id: EntryId
    event: bytes  # JSON; in the log of decisions the id of a decision


def decision_id_log(connections: Connections) -> "EventLog":
    return EventLog(connections, redis_keys.decisions_log, b"decision")


class EventLog:
    def __init__(
        self,
        connections: Connections,
        name: Callable[[ShopName], str] = redis_keys.events,
        field: bytes = b"event",
    ) -> None:
        self._redis: redis.Redis = connections.writes
        self._name = name
        self._field = field

    def length(self, shop: ShopName) -> int:
        with store_faults():
            return self._redis.xlen(self._name(shop))

    def last_id(self, shop: ShopName) -> EntryId | None:
        """Return the id of the latest entry; None for an empty log."""
        with store_faults():
            found = cast("_Entries", self._redis.xrevrange(self._name(shop), count=1))
        return EntryId.parse(found[0][0].decode()) if found else None

    def oldest(self, shop: ShopName, up_to: EntryId, limit: int) -> Sequence[LogEntry]:
        """Return the oldest entries, up to an id, oldest first."""
        name = self._name(shop)
        entries: list[LogEntry] = []
        while len(entries) < limit:
            start = str(entries[-1].entry_id.next) if entries else "-"
            count = min(_ENTRIES_PER_READ, limit - len(entries))
            with store_faults():
                found = cast("_Entries", self._redis.xrange(name, start, str(up_to), count))
            entries += [
                LogEntry(EntryId.parse(entry_id.decode()), fields.get(self._field, b""))
                for entry_id, fields in found
            ]
            if len(found) < count:
                break
        return entries

    def entries_of(self, shop: ShopName, customer: CustomerKey) -> Iterator[LogEntry]:
        """Yield the customer's entries, oldest first, up to the latest entry of now."""
        last, start = self.last_id(shop), "-"
        while last is not None:
            with store_faults():
                name = self._name(shop)
                found = cast(
                    "_Entries", self._redis.xrange(name, start, str(last), _ENTRIES_PER_READ)
                )
            for entry_id, fields in found:
                if fields.get(b"customer") == customer.hex().encode():
                    yield LogEntry(EntryId.parse(entry_id.decode()), fields.get(self._field, b""))
            if len(found) < _ENTRIES_PER_READ:
                return
            start = str(EntryId.parse(found[-1][0].decode()).next)

    def delete_customer(self, shop: ShopName, customer: CustomerKey) -> int:
        """Delete the customer's entries; return how many there were."""
        removed, remaining = 0, self.entries_of(shop, customer)
        while chunk := [str(entry.entry_id) for entry in islice(remaining, _ENTRIES_PER_READ)]:
            with store_faults():
                removed += self._redis.xdel(self._name(shop), *chunk)
        return removed

    def delete_through(self, shop: ShopName, last: EntryId) -> None:
        """Delete the entry and all earlier ones."""
        with store_faults():
            self._redis.xtrim(self._name(shop), minid=str(last.next), approximate=False)
