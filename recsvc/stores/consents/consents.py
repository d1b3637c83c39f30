"""Consents in the store: one hash per customer, one field per purpose.

Every change goes through the change_writer: with its row in the history, in one step.
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

_ROWS_PER_IMPORT = 500  # one step: short enough for the reads that wait behind it

StoredFields = dict[bytes, bytes]  # what the client returns when it decodes nothing


@dataclass(frozen=True, slots=True)
class ImportedConsent:
    """What a customer said about one purpose, somewhere else, at a known time."""

    customer: CustomerKey
    purpose: Purpose
    granted: bool
    at_us: int
    policy_version: str | None = None
    source: str | None = None


class ConsentStore:
    """Reads and writes with the time-outs of writes; a request reads through its trip."""

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
        """Record what the customer says now; return everything known of them after it.

        When this returns, every read that starts later sees it, and it is on disk.
        """
        words = {each: Statement(said, policy_version, source) for each, said in purposes.items()}

        def decide(moment: ChangeTime, replies: list[Any]) -> tuple[WriteStep, ConsentRecord]:
            page = _ConsentDraft(key, _hash(replies[0]))
            for purpose, word in words.items():
                said = apply_live(page.last(purpose), word, moment.now_us)
                page.put(purpose, said, said)
                if said.granted:
                    page.open(said.at_us, moment.recorded_at_us)
            return page.step(shop, RowKind.LIVE, actor), page.record()

        return self._change_writer.commit(shop, _asking(shop, [key]), decide)

    def read(self, shop: ShopName, key: CustomerKey) -> ConsentRecord:
        with store_faults():
            fields = self._redis.hgetall(redis_keys.customer(shop, key))
        return record_of(cast("StoredFields", fields))

    def import_many(
        self, shop: ShopName, rows: Iterable[ImportedConsent], actor: str = COMMAND_LINE
    ) -> list[ImportOutcome]:
        """Take in what was said elsewhere, each row with its own time; say what became of each.

        A chunk of rows is one step. Any order and any repetition of the same rows ends the same:
        the latest wins, and a denial wins among equals.
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

        def decide(moment: ChangeTime, replies: list[Any]) -> tuple[WriteStep, list[ImportOutcome]]:
            pages = {
                customer: None
                if isinstance(reply, redis.RedisError)
                else _ConsentDraft(customer, reply)
                for customer, reply in zip(customers, replies, strict=True)
            }
            outcomes = [_apply_row(pages[row.customer], row, moment.now_us) for row in rows]
            steps = [page.step(shop, RowKind.IMPORT, actor) for page in pages.values() if page]
            return _together(steps), outcomes

        return self._change_writer.commit(shop, _asking(shop, customers), decide)


@dataclass(slots=True)
class _ConsentDraft:
    """What is stored of one customer, and what is being changed of it."""

    customer: CustomerKey
    stored: StoredFields
    changed: dict[Purpose, PurposeConsent] = field(default_factory=dict)
    said: list[tuple[Purpose, PurposeConsent]] = field(default_factory=list)
    opened: Tombstone | None = None

    @property
    def tombstone(self) -> Tombstone | None:
        value = self.stored.get(ERASED.encode())
        return None if value is None else decode_tombstone(value)

    def open(self, at_us: int, recorded_at_us: int) -> None:
        """Make an erased customer known anew, as a stranger; the first grant counts."""
        stone = self.tombstone if self.opened is None else self.opened
        if stone is UNREADABLE_TOMBSTONE:
            stone = Tombstone(at_us, recorded_at_us)
        self.opened = None if stone is None else stone.readmitted(at_us)

    def last(self, purpose: Purpose) -> PurposeConsent | None:
        if purpose in self.changed:
            return self.changed[purpose]
        value = self.stored.get(field_of(purpose).encode())
        return None if value is None else decode_one(value)

    def is_unreadable(self, purpose: Purpose) -> bool:
        return field_of(purpose).encode() in self.stored and self.last(purpose) is None

    def put(self, purpose: Purpose, said: PurposeConsent, now: PurposeConsent) -> None:
        """Note what was said, and keep what is known of the purpose now."""
        self.said.append((purpose, said))
        self.changed[purpose] = now

    def record(self) -> ConsentRecord:
        """Return everything that is known of the customer after the change."""
        values = {field_of(each).encode(): encode(said) for each, said in self.changed.items()}
        if self.opened is not None:
            values[ERASED.encode()] = encode_tombstone(self.opened)
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
        if edits:  # nobody is erased between the reading and the writing
            known = self.stored.get(ERASED.encode(), b"")
            after = known if self.opened is None else encode_tombstone(self.opened)
            edits.append(Edit(name, ERASED, known, after))
        notes = [
            RowDraft(
                kind,
                self.customer,
                purpose,
                statement_text(said.granted),
                actor,
                said.at_us,
                said.policy_version,
                said.source,
            )
            for purpose, said in self.said
        ]
        return WriteStep(edits, notes)


def record_of(fields: StoredFields) -> ConsentRecord:
    return decode([part for pair in fields.items() for part in pair])


def _asking(shop: ShopName, customers: Iterable[CustomerKey]) -> Callable[[Pipeline], None]:
    def ask(pipeline: Pipeline) -> None:
        for customer in customers:
            pipeline.hgetall(redis_keys.customer(shop, customer))

    return ask


def _hash(reply: Any) -> StoredFields:
    if isinstance(reply, redis.RedisError):
        raise reply
    return cast("StoredFields", reply)


def _apply_row(page: _ConsentDraft | None, row: ImportedConsent, now_us: int) -> ImportOutcome:
    if row.at_us <= 0:
        return ImportOutcome.NO_TIME
    if row.at_us > now_us:
        return ImportOutcome.IN_FUTURE
    if page is None or page.is_unreadable(row.purpose):
        return ImportOutcome.UNREADABLE
    if page.tombstone is not None and not page.tombstone.accepts(row.at_us, granted=row.granted):
        return ImportOutcome.SUPERSEDED
    last, word = page.last(row.purpose), Statement(row.granted, row.policy_version, row.source)
    now = apply_imported(last, word, row.at_us)
    if now == last:
        return ImportOutcome.SUPERSEDED
    page.put(row.purpose, apply_imported(None, word, row.at_us), now)
    return (
        ImportOutcome.SUPERSEDED
        if last is not None and is_superseded(now, last)
        else ImportOutcome.APPLIED
    )


def _together(steps: Sequence[WriteStep]) -> WriteStep:
    edits = chain.from_iterable(step.edits for step in steps)
    return WriteStep(list(edits), list(chain.from_iterable(step.notes for step in steps)))
