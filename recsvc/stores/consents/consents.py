"""Consents in Redis: one hash per customer, one field per purpose.

`ChangeWriter` writes every change together with its history row in one atomic step.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, cast

import redis
from redis.client import Pipeline

from recsvc.domain.consent.consent import ConsentRecord, Purpose, PurposeConsent, Tombstone
from recsvc.domain.consent.hash_chain import RowDraft, RowKind
from recsvc.domain.consent.statements import (
    ImportOutcome,
    Statement,
    apply_imported,
    apply_live,
    is_superseded,
)
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections, store_faults
from recsvc.stores.consents.change_writer import (
    COMMAND_LINE,
    ChangeTime,
    ChangeWriter,
    Edit,
    WriteStep,
)
from recsvc.stores.consents.record_codec import (
    ERASED,
    UNREADABLE_TOMBSTONE,
    decode,
    decode_one,
    decode_tombstone,
    encode,
    encode_tombstone,
    field_of,
    statement_text,
)

_ROWS_PER_IMPORT = 500  # rows per atomic step, which blocks the reads of requests

StoredFields = dict[bytes, bytes]  # the undecoded reply of HGETALL


@dataclass(frozen=True, slots=True)
class ImportedConsent:
    """A statement on one purpose that was made elsewhere, with its time."""

    customer: CustomerKey
    purpose: Purpose
    granted: bool
    at_us: int
    policy_version: str | None = None
    source: str | None = None


class ConsentStore:
    """Reads and writes with write timeouts; requests read through `RequestRead` instead."""

    def __init__(self, connections: Connections, change_writer: ChangeWriter | None = None) -> None:
        self._redis = connections.writes
        self._change_writer = change_writer or ChangeWriter(connections)

    def write(
        self,
        shop: ShopName,
        key: CustomerKey,
        purposes: Mapping[Purpose, bool],
        policy_version: str | None = None,
        source: str | None = None,
        actor: str = COMMAND_LINE,
    ) -> ConsentRecord:
        """Record live statements; return the customer's record after them.

        On return the change is on disk and visible to every read that starts later.
        """
        statements = {
            purpose: Statement(granted, policy_version, source)
            for purpose, granted in purposes.items()
        }

        def decide(time: ChangeTime, replies: list[Any]) -> tuple[WriteStep, ConsentRecord]:
            draft = _ConsentDraft(key, _hash(replies[0]))
            for purpose, statement in statements.items():
                after = apply_live(draft.last(purpose), statement, time.now_us)
                draft.put(purpose, after, after)
                if after.granted:
                    draft.readmit(after.at_us, time.recorded_at_us)
            return draft.step(shop, RowKind.LIVE, actor), draft.record()

        return self._change_writer.commit(shop, _record_reads(shop, [key]), decide)

    def read(self, shop: ShopName, key: CustomerKey) -> ConsentRecord:
        with store_faults():
            fields = self._redis.hgetall(redis_keys.customer(shop, key))
        return record_of(cast("StoredFields", fields))

    def import_many(
        self, shop: ShopName, rows: Iterable[ImportedConsent], actor: str = COMMAND_LINE
    ) -> list[ImportOutcome]:
        """Import statements with their own times; return one outcome per row.

        Each chunk is one atomic step. The latest statement wins, denial on a tie, so neither the
        order nor a repetition of rows changes the result.
        """
        remaining = iter(rows)
        outcomes: list[ImportOutcome] = []
        while chunk := tuple(islice(remaining, _ROWS_PER_IMPORT)):
            outcomes += self._import_chunk(shop, chunk, actor)
        return outcomes

    def _import_chunk(
        self, shop: ShopName, rows: Sequence[ImportedConsent], actor: str
    ) -> list[ImportOutcome]:
        customers = list(dict.fromkeys(row.customer for row in rows))

        def decide(time: ChangeTime, replies: list[Any]) -> tuple[WriteStep, list[ImportOutcome]]:
            drafts = {
                customer: None
                if isinstance(reply, redis.RedisError)
                else _ConsentDraft(customer, reply)
                for customer, reply in zip(customers, replies, strict=True)
            }
            outcomes = [_apply_row(drafts[row.customer], row, time.now_us) for row in rows]
            steps = [draft.step(shop, RowKind.IMPORT, actor) for draft in drafts.values() if draft]
            return _together(steps), outcomes

        return self._change_writer.commit(shop, _record_reads(shop, customers), decide)


@dataclass(slots=True)
class _ConsentDraft:
    """The stored record of one customer, and the pending changes."""

    customer: CustomerKey
    stored: StoredFields
    changed: dict[Purpose, PurposeConsent] = field(default_factory=dict)
    statements: list[tuple[Purpose, PurposeConsent]] = field(default_factory=list)
    readmitted: Tombstone | None = None

    @property
    def tombstone(self) -> Tombstone | None:
        value = self.stored.get(ERASED.encode())
        return None if value is None else decode_tombstone(value)

    def readmit(self, at_us: int, recorded_at_us: int) -> None:
        """Re-admit an erased customer as an unknown customer; the first grant sets the time."""
        tombstone = self.tombstone if self.readmitted is None else self.readmitted
        if tombstone is UNREADABLE_TOMBSTONE:
            tombstone = Tombstone(at_us, recorded_at_us)
        self.readmitted = None if tombstone is None else tombstone.readmitted(at_us)

    def last(self, purpose: Purpose) -> PurposeConsent | None:
        if purpose in self.changed:
            return self.changed[purpose]
        value = self.stored.get(field_of(purpose).encode())
        return None if value is None else decode_one(value)

    def is_unreadable(self, purpose: Purpose) -> bool:
        return field_of(purpose).encode() in self.stored and self.last(purpose) is None

    def put(self, purpose: Purpose, statement: PurposeConsent, after: PurposeConsent) -> None:
        """Add a statement for the history, and the resulting consent of its purpose."""
        self.statements.append((purpose, statement))
        self.changed[purpose] = after

    def record(self) -> ConsentRecord:
        """Return the record after the pending changes."""
        values = {
            field_of(each).encode(): encode(consent) for each, consent in self.changed.items()
        }
        if self.readmitted is not None:
            values[ERASED.encode()] = encode_tombstone(self.readmitted)
        return record_of(self.stored | values)

    def step(self, shop: ShopName, kind: RowKind, actor: str) -> WriteStep:
        name = redis_keys.customer(shop, self.customer)
        edits = [
            Edit(
                name,
                field_of(purpose),
                self.stored.get(field_of(purpose).encode(), b""),
                encode(consent),
            )
            for purpose, consent in self.changed.items()
        ]
        if edits:  # refuse the write if the customer was erased after the read
            known = self.stored.get(ERASED.encode(), b"")
            after = known if self.readmitted is None else encode_tombstone(self.readmitted)
            edits.append(Edit(name, ERASED, known, after))
        rows = [
            RowDraft(
                kind,
                self.customer,
                purpose,
                statement_text(consent.granted),
                actor,
                consent.at_us,
                consent.policy_version,
                consent.source,
            )
            for purpose, consent in self.statements
        ]
        return WriteStep(edits, rows)


def record_of(fields: StoredFields) -> ConsentRecord:
    return decode([part for pair in fields.items() for part in pair])


def _record_reads(shop: ShopName, customers: Iterable[CustomerKey]) -> Callable[[Pipeline], None]:
    def ask(pipeline: Pipeline) -> None:
        for customer in customers:
            pipeline.hgetall(redis_keys.customer(shop, customer))

    return ask


def _hash(reply: Any) -> StoredFields:
    if isinstance(reply, redis.RedisError):
        raise reply
    return cast("StoredFields", reply)


def _apply_row(draft: _ConsentDraft | None, row: ImportedConsent, now_us: int) -> ImportOutcome:
    if row.at_us <= 0:
        return ImportOutcome.NO_TIME
    if row.at_us > now_us:
        return ImportOutcome.IN_FUTURE
    if draft is None or draft.is_unreadable(row.purpose):
        return ImportOutcome.UNREADABLE
    tombstone = draft.tombstone
    if tombstone is not None and not tombstone.accepts(row.at_us, granted=row.granted):
        return ImportOutcome.ERASED if tombstone.is_erased else ImportOutcome.SUPERSEDED
    last, statement = (
        draft.last(row.purpose),
        Statement(row.granted, row.policy_version, row.source),
    )
    now = apply_imported(last, statement, row.at_us)
    if now == last:
        return ImportOutcome.SUPERSEDED
    draft.put(row.purpose, apply_imported(None, statement, row.at_us), now)
    return (
        ImportOutcome.SUPERSEDED
        if last is not None and is_superseded(now, last)
        else ImportOutcome.APPLIED
    )


def _together(steps: Sequence[WriteStep]) -> WriteStep:
    edits = chain.from_iterable(step.edits for step in steps)
    return WriteStep(list(edits), list(chain.from_iterable(step.rows for step in steps)))
