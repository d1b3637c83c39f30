"""A log as it is drained, its oldest entries first; and what it holds of one customer.

There are two: of events, and of the ids of decisions.
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

_Entries = list[tuple[bytes, dict[bytes, bytes]]]  # what the client returns when it decodes nothing


class EntryId(NamedTuple):
    """When an entry arrived, in milliseconds since 1970, and its number within these."""

    milliseconds: int
    number: int

    @classmethod
    def of(cls, text: str) -> "EntryId":
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
    event: bytes  # JSON; in the log of decisions the id of one


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
        """Return the id of the latest entry; None when there is none."""
        with store_faults():
            found = cast("_Entries", self._redis.xrevrange(self._name(shop), count=1))
        return EntryId.of(found[0][0].decode()) if found else None

    def oldest(self, shop: ShopName, up_to: EntryId, limit: int) -> Sequence[LogEntry]:
        """Return the oldest entries, in their order."""
        name = self._name(shop)
        entries: list[LogEntry] = []
        while len(entries) < limit:
            start = str(entries[-1].entry_id.next) if entries else "-"
            count = min(_ENTRIES_PER_READ, limit - len(entries))
            with store_faults():
                found = cast("_Entries", self._redis.xrange(name, start, str(up_to), count))
            entries += [
                LogEntry(EntryId.of(entry_id.decode()), fields.get(self._field, b""))
                for entry_id, fields in found
            ]
            if len(found) < count:
                break
        return entries

    def entries_of(self, shop: ShopName, customer: CustomerKey) -> Iterator[LogEntry]:
        """Yield the entries of one customer, from the oldest to the one that is the latest now."""
        last, start = self.last_id(shop), "-"
        while last is not None:
            with store_faults():
                name = self._name(shop)
                found = cast(
                    "_Entries", self._redis.xrange(name, start, str(last), _ENTRIES_PER_READ)
                )
            for entry_id, fields in found:
                if fields.get(b"customer") == customer.hex().encode():
                    yield LogEntry(EntryId.of(entry_id.decode()), fields.get(self._field, b""))
            if len(found) < _ENTRIES_PER_READ:
                return
            start = str(EntryId.of(found[-1][0].decode()).next)

    def delete_customer(self, shop: ShopName, customer: CustomerKey) -> int:
        """Remove the entries of one customer, and no other; say how many there were."""
        removed, remaining = 0, self.entries_of(shop, customer)
        while chunk := [str(entry.entry_id) for entry in islice(remaining, _ENTRIES_PER_READ)]:
            with store_faults():
                removed += self._redis.xdel(self._name(shop), *chunk)
        return removed

    def delete_through(self, shop: ShopName, last: EntryId) -> None:
        """Remove the entry and all that came before it."""
        with store_faults():
            self._redis.xtrim(self._name(shop), minid=str(last.next), approximate=False)
