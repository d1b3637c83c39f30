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
from recsvc.domain.consent.hash_chain import Note, RowKind
from recsvc.domain.customers.privacy import Erased
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.consents.change_writer import COMMAND_LINE, ChangeWriter, Edit, Moment, WriteStep
from recsvc.stores.consents.consents import ConsentStore, record_of
from recsvc.stores.consents.record_codec import (
    ERASED,
    UNREADABLE_TOMBSTONE,
    decode_tombstone,
    encode_tombstone,
)
from recsvc.stores.customers.personal_data_keys import HOLDINGS, Erasable
from recsvc.stores.events.event_log import EventLog

THE_CUSTOMER = "customer"  # what a row of the history is about that concerns all of one
WORD = "erased"

UNDRAINED_EVENTS = "undrained_events"


class ErasureStore:
    """`others`: stores that forget by themselves what they hold of who is shut out."""

    def __init__(
        self,
        ledger: ChangeWriter,
        consents: ConsentStore,
        log: EventLog,
        others: Sequence[Erasable],
    ) -> None:
        self._others = others
        self._consents = consents
        self._ledger = ledger
        self._log = log

    def erase(self, shop: ShopName, key: CustomerKey, actor: str = COMMAND_LINE) -> Erased:
        """Erase everything; when this returns it is on disk. Once more changes nothing more."""
        blocked = self._block(shop, key, actor)
        removed = {**blocked.removed, UNDRAINED_EVENTS: self._forget(shop, key)}
        return Erased(blocked.at_us, removed)

    def forget_if_shut(self, shop: ShopName, key: CustomerKey) -> int:
        """Finish the erasure of a customer who is shut out; return how many events it removed."""
        tombstone = self._consents.read(shop, key).tombstone
        return self._forget(shop, key) if tombstone is not None and tombstone.is_shut else 0

    def has_forgotten(self, shop: ShopName, key: CustomerKey, row_us: int) -> bool:
        """Say whether the customer was erased after that row, so that nothing of then is theirs."""
        tombstone = self._consents.read(shop, key).tombstone
        return tombstone is not None and row_us < tombstone.recorded_at_us

    def _forget(self, shop: ShopName, key: CustomerKey) -> int:
        for other in self._others:
            other.forget(shop, key)
        return self._log.remove_of(shop, key)

    def _block(self, shop: ShopName, key: CustomerKey, actor: str) -> Erased:
        def ask(pipeline: Pipeline) -> None:
            pipeline.hgetall(redis_keys.customer(shop, key))
            for holding in HOLDINGS:
                holding.ask_size(pipeline, holding.key(shop, key))

        def decide(moment: Moment, replies: list[Any]) -> tuple[WriteStep, Erased]:
            fields, *sizes = replies
            removed = _counts(fields) | {
                holding.name: _size(size) for holding, size in zip(HOLDINGS, sizes, strict=True)
            }
            before = _only_tombstone(fields)
            if before is not None:
                return WriteStep(_again(shop, key, before)), Erased(before.erased_at_us, removed)
            record = NO_CONSENT if isinstance(fields, redis.RedisError) else record_of(fields)
            stone = tombstone_of(record, moment)
            at_us = stone.erased_at_us
            note = Note(RowKind.ERASE, key, THE_CUSTOMER, WORD, actor, at_us)
            return WriteStep(buried(shop, key, stone), [note], is_dated=True), Erased(
                at_us, removed
            )

        return self._ledger.commit(shop, ask, decide)


def tombstone_of(record: ConsentRecord, moment: Moment) -> Tombstone:
    """Return what an erasure leaves: it is later than whatever was said by who is erased."""
    stamps = [consent.at_us for consent in record.purposes.values()]
    before = record.tombstone
    if before is not None and before is not UNREADABLE_TOMBSTONE:
        stamps += [before.erased_at_us, before.opened_at_us or 0]
    return Tombstone(max([moment.now_us, *stamps]), moment.row_us)


def buried(shop: ShopName, key: CustomerKey, tombstone: Tombstone) -> list[Edit]:
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
        for holding in HOLDINGS
        if not holding.is_forgotten_by_store
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
    return tombstone if tombstone.is_shut and tombstone is not UNREADABLE_TOMBSTONE else None
