"""Erasure: one atomic step writes the tombstone and removes the customer's own keys.

The tombstone comes first, so nothing new is stored while the event log is searched. A call that
fails half-way is repeated and continues. The tombstone in the customer's hash remains, and the rows
of the history, which name the customer by keyed hash alone.
"""

from collections.abc import Sequence
from typing import Any

import redis
from redis.client import Pipeline

from recsvc.domain.consent.consent import NO_CONSENT, ConsentRecord, Tombstone
from recsvc.domain.consent.hash_chain import RowDraft, RowKind
from recsvc.domain.customers.privacy import ErasureResult
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.consents.change_writer import (
    COMMAND_LINE,
    ChangeTime,
    ChangeWriter,
    Edit,
    WriteStep,
)
from recsvc.stores.consents.consents import ConsentStore, record_of
from recsvc.stores.consents.record_codec import (
    ERASED,
    UNREADABLE_TOMBSTONE,
    decode_tombstone,
    encode_tombstone,
)
from recsvc.stores.customers.personal_data_keys import PERSONAL_DATA_KEYS, Erasable
from recsvc.stores.events.event_log import EventLog

CUSTOMER_SUBJECT = "customer"  # the subject of history rows about the whole customer
ERASED_WORD = "erased"

UNDRAINED_EVENTS = "undrained_events"


class ErasureStore:
    """Erases customers. `others`: stores that remove their own data of an erased customer."""

    def __init__(
        self,
        change_writer: ChangeWriter,
        consents: ConsentStore,
        log: EventLog,
        others: Sequence[Erasable],
    ) -> None:
        self._others = others
        self._consents = consents
        self._change_writer = change_writer
        self._log = log

    def erase(self, shop: ShopName, key: CustomerKey, actor: str = COMMAND_LINE) -> ErasureResult:
        """Erase a customer; on return it is on disk. Idempotent."""
        blocked = self._block(shop, key, actor)
        removed = {**blocked.removed, UNDRAINED_EVENTS: self._forget(shop, key)}
        return ErasureResult(blocked.at_us, removed)

    def finish_erasure(self, shop: ShopName, key: CustomerKey) -> int:
        """Complete the erasure if the customer is erased; return the number of removed events."""
        tombstone = self._consents.read(shop, key).tombstone
        return self._forget(shop, key) if tombstone is not None and tombstone.is_erased else 0

    def was_erased_after(self, shop: ShopName, key: CustomerKey, recorded_at_us: int) -> bool:
        """Return True if the customer was erased after that row, so its data must not return."""
        tombstone = self._consents.read(shop, key).tombstone
        return tombstone is not None and recorded_at_us < tombstone.recorded_at_us

    def _forget(self, shop: ShopName, key: CustomerKey) -> int:
        for other in self._others:
            other.forget(shop, key)
        return self._log.delete_customer(shop, key)

    def _block(self, shop: ShopName, key: CustomerKey, actor: str) -> ErasureResult:
        def ask(pipeline: Pipeline) -> None:
            pipeline.hgetall(redis_keys.customer(shop, key))
            for kind in PERSONAL_DATA_KEYS:
                kind.queue_size(pipeline, kind.key(shop, key))

        def decide(time: ChangeTime, replies: list[Any]) -> tuple[WriteStep, ErasureResult]:
            fields, *sizes = replies
            removed = _counts(fields) | {
                kind.name: _size(size) for kind, size in zip(PERSONAL_DATA_KEYS, sizes, strict=True)
            }
            before = _only_tombstone(fields)
            if before is not None:
                return WriteStep(_again(shop, key, before)), ErasureResult(
                    before.erased_at_us, removed
                )
            record = NO_CONSENT if isinstance(fields, redis.RedisError) else record_of(fields)
            tombstone = new_tombstone(record, time)
            at_us = tombstone.erased_at_us
            row = RowDraft(RowKind.ERASE, key, CUSTOMER_SUBJECT, ERASED_WORD, actor, at_us)
            return WriteStep(
                erasure_edits(shop, key, tombstone), [row], requires_head=True
            ), ErasureResult(at_us, removed)

        return self._change_writer.commit(shop, ask, decide)


def new_tombstone(record: ConsentRecord, time: ChangeTime) -> Tombstone:
    """Return the tombstone of an erasure, later than every statement of the customer."""
    stamps = [consent.at_us for consent in record.purposes.values()]
    before = record.tombstone
    if before is not None and before is not UNREADABLE_TOMBSTONE:
        stamps += [before.erased_at_us, before.readmitted_at_us or 0]
    return Tombstone(max([time.now_us, *stamps]), time.recorded_at_us)


def erasure_edits(shop: ShopName, key: CustomerKey, tombstone: Tombstone) -> list[Edit]:
    """Return the edits that leave the tombstone alone."""
    name = redis_keys.customer(shop, key)
    return [
        Edit(name, "", None, b""),
        Edit(name, ERASED, None, encode_tombstone(tombstone)),
        *_removal(shop, key),
    ]


def _again(shop: ShopName, key: CustomerKey, tombstone: Tombstone) -> list[Edit]:
    """Return the edits that repeat the erasure of a customer who is still erased."""
    value = encode_tombstone(tombstone)
    return [Edit(redis_keys.customer(shop, key), ERASED, value, value), *_removal(shop, key)]


def _removal(shop: ShopName, key: CustomerKey) -> list[Edit]:
    return [
        Edit(kind.key(shop, key), "", None, b"")
        for kind in PERSONAL_DATA_KEYS
        if not kind.removed_by_store
    ] + [Edit(redis_keys.merging(shop), key.hex(), None, b"")]


def _counts(fields: Any) -> dict[str, int]:
    """Count purposes and flags. A key of another type counts as one unreadable entry."""
    if isinstance(fields, redis.RedisError):
        return {"purposes": 0, "flags": 0, "unreadable": 1}
    names = list(fields)
    return {
        "purposes": sum(name.startswith(b"purpose:") for name in names),
        "flags": sum(name.startswith(b"flag:") for name in names),
    }


def _size(reply: Any) -> int:
    return 1 if isinstance(reply, redis.RedisError) else int(reply)


def _only_tombstone(fields: Any) -> Tombstone | None:
    """Return the tombstone of an erased customer whose record holds nothing else, else None."""
    if isinstance(fields, redis.RedisError) or list(fields) != [ERASED.encode()]:
        return None
    tombstone = decode_tombstone(fields[ERASED.encode()])
    return tombstone if tombstone.is_erased and tombstone is not UNREADABLE_TOMBSTONE else None
