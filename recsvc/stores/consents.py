"""Consents in the store: one hash per customer, one field per purpose.

Every change is one script, so that its stamp, its decision and its write are one step.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import cast

from recsvc.domain.consent import ConsentRecord, Purpose
from recsvc.domain.errors import BadRequest
from recsvc.domain.identity import CustomerKey
from recsvc.domain.ids import ShopName
from recsvc.stores import redis_keys
from recsvc.stores.connection import Connections, store_faults
from recsvc.stores.consent_fields import (
    DENIED,
    GRANTED,
    decode,
    field_of,
    tail,
)
from recsvc.stores.consent_scripts import IMPORT, WRITE

_ROWS_PER_IMPORT = 500  # one script: short enough for the reads that wait behind it
_KEYS_PER_SCAN = 1000

Stored = dict[bytes, bytes]  # what the client returns when it decodes nothing


@dataclass(frozen=True, slots=True)
class ImportedConsent:
    """What a customer said about one purpose, somewhere else, at a known time."""

    customer: CustomerKey
    purpose: Purpose
    granted: bool
    at_us: int
    policy_version: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """How many rows count from now on, lie in the future, or met a record nobody can read.

    Only the first have been taken in; a row that an earlier import or a later word has
    overtaken is among them.
    """

    accepted: int
    in_future: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class PermittedCustomers:
    """Who permits a purpose. `watermark_us`: the store's clock when the reading began."""

    customers: frozenset[CustomerKey]
    watermark_us: int


class ConsentStore:
    """Reads and writes with the time-outs of writes; a request reads through its trip."""

    def __init__(self, connections: Connections) -> None:
        self._redis = connections.writes
        self._write = connections.writes.register_script(WRITE)
        self._import = connections.writes.register_script(IMPORT)

    def write(
        self,
        shop: ShopName,
        key: CustomerKey,
        purposes: Mapping[Purpose, bool],
        policy_version: str | None = None,
        source: str | None = None,
    ) -> ConsentRecord:
        """Record what the customer says now; return everything known of them after it.

        When this returns, every read that starts later sees it, and it is on disk.
        """
        words: list[str] = [tail(policy_version, source)]
        for purpose, granted in purposes.items():
            words += (field_of(purpose), GRANTED if granted is True else DENIED)
        with store_faults():
            fields = self._write(keys=[redis_keys.customer(shop, key)], args=words)
        return decode(fields)

    def read(self, shop: ShopName, key: CustomerKey) -> ConsentRecord:
        with store_faults():
            fields = self._redis.hgetall(redis_keys.customer(shop, key))
        return _record(cast("Stored", fields))

    def import_many(self, shop: ShopName, rows: Iterable[ImportedConsent]) -> ImportOutcome:
        """Take in what was said elsewhere, each row with its own time.

        Any order and any repetition of the same rows ends the same: the latest wins, and a
        denial wins among equals.
        """
        remaining = iter(rows)
        outcome = ImportOutcome(0, 0, 0)
        while chunk := tuple(islice(remaining, _ROWS_PER_IMPORT)):
            outcome = _sum(outcome, self._import_chunk(shop, chunk))
        return outcome

    def _import_chunk(self, shop: ShopName, rows: tuple[ImportedConsent, ...]) -> ImportOutcome:
        words: list[str] = []
        for row in rows:
            if row.at_us <= 0:
                raise BadRequest("an imported consent needs a time after 1970", code="bad_time")
            word = GRANTED if row.granted is True else DENIED
            words += (
                field_of(row.purpose),
                word,
                str(row.at_us),
                tail(row.policy_version, row.source),
            )
        keys = [redis_keys.customer(shop, row.customer) for row in rows]
        with store_faults():
            accepted, in_future, unreadable = self._import(keys=keys, args=words)
        return ImportOutcome(accepted, in_future, unreadable)

    def permitted(self, shop: ShopName, purpose: Purpose) -> PermittedCustomers:
        """Return everybody who permits the purpose. A record that cannot be read does not."""
        found: set[CustomerKey] = set()
        with store_faults():
            seconds, microseconds = self._redis.time()
            cursor = None
            while cursor != 0:
                cursor, names = self._redis.scan(
                    cursor or 0, redis_keys.any_customer(shop), _KEYS_PER_SCAN
                )
                found.update(self._permitting(cast("list[bytes]", names), purpose))
        return PermittedCustomers(frozenset(found), seconds * 1_000_000 + microseconds)

    def _permitting(self, names: list[bytes], purpose: Purpose) -> list[CustomerKey]:
        pipeline = self._redis.pipeline(transaction=False)
        for name in names:
            pipeline.hgetall(name)
        found = pipeline.execute(raise_on_error=False)
        return [
            redis_keys.customer_of(name)
            for name, fields in zip(names, found, strict=True)
            if isinstance(fields, dict) and _record(fields).permits(purpose)
        ]


def _record(fields: Stored) -> ConsentRecord:
    return decode([part for pair in fields.items() for part in pair])


def _sum(one: ImportOutcome, other: ImportOutcome) -> ImportOutcome:
    return ImportOutcome(
        one.accepted + other.accepted,
        one.in_future + other.in_future,
        one.unreadable + other.unreadable,
    )
