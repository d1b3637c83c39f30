"""Erasure: one step that blocks the customer and removes what is held under keys of their own.

The block comes first, so that nothing new is kept of the customer while the event log is walked;
a call that fails on the way is repeated, and goes on. What stays is a tombstone in the customer's
hash and, in the history, rows that know the customer by keyed hash alone.
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

CUSTOMER_SUBJECT = "customer"  # what a row of the history is about that concerns all of one
ERASED_WORD = "erased"

UNDRAINED_EVENTS = "undrained_events"


class ErasureStore:
    """`others`: stores that forget by themselves what they hold of who is shut out."""

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
        """Erase everything; when this returns it is on disk. Once more changes nothing more."""
        blocked = self._block(shop, key, actor)
        removed = {**blocked.removed, UNDRAINED_EVENTS: self._forget(shop, key)}
        return ErasureResult(blocked.at_us, removed)

    def finish_erasure(self, shop: ShopName, key: CustomerKey) -> int:
        """Finish the erasure of a customer who is shut out; return how many events it removed."""
        tombstone = self._consents.read(shop, key).tombstone
        return self._forget(shop, key) if tombstone is not None and tombstone.is_erased else 0

    def was_erased_after(self, shop: ShopName, key: CustomerKey, recorded_at_us: int) -> bool:
        """Say whether the customer was erased after that row, so that nothing of then is theirs."""
        tombstone = self._consents.read(shop, key).tombstone
        return tombstone is not None and recorded_at_us < tombstone.recorded_at_us

    def _forget(self, shop: ShopName, key: CustomerKey) -> int:
        for other in self._others:
            other.forget(shop, key)
        return self._log.delete_customer(shop, key)

    def _block(self, shop: ShopName, key: CustomerKey, actor: str) -> ErasureResult:
        def ask(pipeline: Pipeline) -> None:
            pipeline.hgetall(redis_keys.customer(shop, key))
            for holding in PERSONAL_DATA_KEYS:
                holding.queue_size(pipeline, holding.key(shop, key))

        def decide(moment: ChangeTime, replies: list[Any]) -> tuple[WriteStep, ErasureResult]:
            fields, *sizes = replies
            removed = _counts(fields) | {
                holding.name: _size(size)
                for holding, size in zip(PERSONAL_DATA_KEYS, sizes, strict=True)
            }
            before = _only_tombstone(fields)
            if before is not None:
                return WriteStep(_again(shop, key, before)), ErasureResult(
                    before.erased_at_us, removed
                )
            record = NO_CONSENT if isinstance(fields, redis.RedisError) else record_of(fields)
            stone = new_tombstone(record, moment)
            at_us = stone.erased_at_us
            note = RowDraft(RowKind.ERASE, key, CUSTOMER_SUBJECT, ERASED_WORD, actor, at_us)
            return WriteStep(
                erasure_edits(shop, key, stone), [note], requires_head=True
            ), ErasureResult(at_us, removed)

        return self._change_writer.commit(shop, ask, decide)


def new_tombstone(record: ConsentRecord, moment: ChangeTime) -> Tombstone:
    """Return what an erasure leaves: it is later than whatever was said by who is erased."""
    stamps = [consent.at_us for consent in record.purposes.values()]
    before = record.tombstone
    if before is not None and before is not UNREADABLE_TOMBSTONE:
        stamps += [before.erased_at_us, before.readmitted_at_us or 0]
    return Tombstone(max([moment.now_us, *stamps]), moment.recorded_at_us)


def erasure_edits(shop: ShopName, key: CustomerKey, tombstone: Tombstone) -> list[Edit]:
    """Return what leaves a tombstone and nothing else, whatever is held."""
    name = redis_keys.customer(shop, key)
    return [
        Edit(name, "", None, b""),
        Edit(name, ERASED, None, encode_tombstone(tombstone)),
        *_removal(shop, key),
    ]


def _again(shop: ShopName, key: CustomerKey, tombstone: Tombstone) -> list[Edit]:
    """Return what removes what is held of one who is still shut out."""
    value = encode_tombstone(tombstone)
    return [Edit(redis_keys.customer(shop, key), ERASED, value, value), *_removal(shop, key)]


def _removal(shop: ShopName, key: CustomerKey) -> list[Edit]:
    return [
        Edit(holding.key(shop, key), "", None, b"")
        for holding in PERSONAL_DATA_KEYS
        if not holding.removed_by_store
    ] + [Edit(redis_keys.merging(shop), key.hex(), None, b"")]


def _counts(fields: Any) -> dict[str, int]:
    """Count purposes and flags. A key that is no hash is one thing that nobody can read."""
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
    """Return the tombstone of a customer of whom nothing else is known, and who is shut out."""
    if isinstance(fields, redis.RedisError) or list(fields) != [ERASED.encode()]:
        return None
    tombstone = decode_tombstone(fields[ERASED.encode()])
    return tombstone if tombstone.is_erased and tombstone is not UNREADABLE_TOMBSTONE else None
