"""Comparison of customer records with the history: finds changes that bypassed the service.

Every change by the service has a row, so a record that differs from its rows was written by another
client. Read-only, and safe while the service writes: a record and the numbers of its rows are read
in one transaction, and rows never change.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from recsvc.domain.consent.hash_chain import ChainedRow, HistoryRow, read_row
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.audit.replay import UNREADABLE, differences, replay
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.batches import chunks
from recsvc.stores.client.connection import Connections, store_faults
from recsvc.stores.consents.consents import record_of
from recsvc.stores.consents.history import read_entry
from recsvc.stores.customers.erasure import CUSTOMER_SUBJECT

INCOMPLETE_LIST = "has a list of rows that does not match the rows in the history"

_CUSTOMERS_PER_READ = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between a record and the history. `customer` is the keyed hash."""

    customer: str
    subject: str
    what: str


def count_rows(links: Iterable[ChainedRow], rows_of: Counter[CustomerKey]) -> Iterator[ChainedRow]:
    """Yield the rows unchanged, and count them by customer."""
    for link in links:
        row = read_row(link.row)
        if row is not None and row.customer is not None:
            rows_of[CustomerKey(bytes.fromhex(row.customer))] += 1
        yield link


class RecordAudit:
    def __init__(self, connections: Connections) -> None:
        self._redis = connections.writes

    def differences(
        self, shop: ShopName, rows_of: Counter[CustomerKey], last: int
    ) -> Iterator[Difference]:
        """Compare every record. `rows_of`: number of rows per customer up to row `last`."""
        for customers in chunks(self._customers(shop, rows_of), _CUSTOMERS_PER_READ):
            with store_faults():
                found = self._read(shop, customers)
            for customer, (fields, rows) in zip(customers, found, strict=True):
                for subject, what in _compared(customer, fields, rows, rows_of[customer], last):
                    yield Difference(customer.hex(), subject, what)

    def _customers(self, shop: ShopName, rows_of: Counter[CustomerKey]) -> Iterator[CustomerKey]:
        """Yield the customers that have rows, then those that have a record alone."""
        yield from rows_of
        with store_faults():
            for name in self._redis.scan_iter(redis_keys.any_customer(shop), 1000):
                customer = redis_keys.customer_of(name)
                if customer is not None and not rows_of[customer]:
                    yield customer

    def _read(
        self, shop: ShopName, customers: Sequence[CustomerKey]
    ) -> list[tuple[Any, list[HistoryRow | None]]]:
        """Return the stored record of each customer, and the rows that its list names."""
        pipeline = self._redis.pipeline(transaction=True)
        for customer in customers:
            pipeline.hgetall(redis_keys.customer(shop, customer))
            pipeline.lrange(redis_keys.history_of(shop, customer), 0, -1)
        replies = pipeline.execute(raise_on_error=False)
        listed = [reply if isinstance(reply, list) else [] for reply in replies[1::2]]
        rows = self._redis.pipeline(transaction=False)
        for number in (each for numbers in listed for each in numbers):
            entry = f"{number.decode(errors='replace')}-0"
            rows.xrange(redis_keys.history(shop), entry, entry)
        entries = iter(rows.execute(raise_on_error=False))
        return [
            (fields, [_row(next(entries)) for _ in numbers])
            for fields, numbers in zip(replies[::2], listed, strict=True)
        ]


def _row(entries: Any) -> HistoryRow | None:
    if not isinstance(entries, list) or not entries:
        return None
    return read_row(read_entry(*entries[0]).row)


def _compared(
    customer: CustomerKey,
    fields: Any,
    listed: Sequence[HistoryRow | None],
    verified: int,
    last: int,
) -> Iterator[tuple[str, str]]:
    rows = [row for row in listed if row is not None and row.customer == customer.hex()]
    in_order = all(one.n < other.n for one, other in pairwise(rows))
    if len(rows) < len(listed) or not in_order or sum(row.n <= last for row in rows) != verified:
        yield CUSTOMER_SUBJECT, INCOMPLETE_LIST
    elif isinstance(fields, dict):
        yield from differences(record_of(fields), replay(rows))
    else:
        yield CUSTOMER_SUBJECT, UNREADABLE
