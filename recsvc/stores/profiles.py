"""What a shop tells of its customers: one JSON per customer, and the flags beside the consents.

A change goes through the ledger: a flag and what was told with it are in force together, and the
history tells of the flag.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import msgspec
import redis
import structlog
from redis.client import Pipeline

from recsvc.domain.audit import Note, RowKind
from recsvc.domain.consent import Flag
from recsvc.domain.identity import CustomerKey
from recsvc.domain.ids import ShopName
from recsvc.domain.profile import NO_PROFILE, Change, Profile, Told
from recsvc.stores import redis_keys
from recsvc.stores.connection import Connections, store_faults
from recsvc.stores.consent_fields import SET, flag_field
from recsvc.stores.ledger import COMMAND_LINE, Edit, Ledger, Step

FLAG_SET = "set"
FLAG_CLEARED = "cleared"

_ROWS_PER_WRITE = 200

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class NewProfile:
    """What takes the place of a customer's profile. Flags that are not named stay."""

    customer: CustomerKey
    profile: Profile
    flags: Mapping[Flag, bool]


class ProfileStore:
    def __init__(self, connections: Connections, ledger: Ledger) -> None:
        self._redis = connections.writes
        self._ledger = ledger

    def put_many(
        self, shop: ShopName, profiles: Iterable[NewProfile], actor: str = COMMAND_LINE
    ) -> None:
        """Put each in place of what was told before, in their order."""
        remaining = iter(profiles)
        while chunk := tuple(islice(remaining, _ROWS_PER_WRITE)):
            self._put_chunk(shop, chunk, actor)

    def change(
        self, shop: ShopName, key: CustomerKey, change: Change, actor: str = COMMAND_LINE
    ) -> Told:
        """Change what is named and nothing else, whoever else changes it."""

        def ask(pipeline: Pipeline) -> None:
            pipeline.get(redis_keys.profile(shop, key))
            _ask_flags(pipeline, shop, key)

        def decide(_: int, replies: list[Any]) -> tuple[Step, Told]:
            stored, values = map(_readable, replies)
            changed = change.on(decode_profile(shop, stored or b""))
            edit = Edit(redis_keys.profile(shop, key), "", stored or b"", _encode(changed))
            flags = _Flags(key, _by_flag(values))
            flags.put(change.flags, actor)
            step = flags.step(shop)
            return Step([edit, *step.edits], step.notes), Told(changed, flags.are_set)

        return self._ledger.commit(shop, ask, decide)

    def get(self, shop: ShopName, key: CustomerKey) -> Told:
        with store_faults():
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.get(redis_keys.profile(shop, key))
            _ask_flags(pipeline, shop, key)
            stored, values = pipeline.execute()
        return Told(decode_profile(shop, stored or b""), _Flags(key, _by_flag(values)).are_set)

    def _put_chunk(self, shop: ShopName, chunk: Sequence[NewProfile], actor: str) -> None:
        customers = list(dict.fromkeys(new.customer for new in chunk))

        def ask(pipeline: Pipeline) -> None:
            for customer in customers:
                _ask_flags(pipeline, shop, customer)

        def decide(_: int, replies: list[Any]) -> tuple[Step, None]:
            found = zip(customers, map(_readable, replies), strict=True)
            flags = {customer: _Flags(customer, _by_flag(values)) for customer, values in found}
            for new in chunk:
                flags[new.customer].put(new.flags, actor)
            edits = [
                Edit(redis_keys.profile(shop, new.customer), "", None, _encode(new.profile))
                for new in chunk
            ]
            steps = [each.step(shop) for each in flags.values()]
            edits += chain.from_iterable(step.edits for step in steps)
            return Step(edits, list(chain.from_iterable(step.notes for step in steps))), None

        self._ledger.commit(shop, ask, decide)


class _Flags:
    """The flags of one customer as they are stored, and what is being changed of them."""

    def __init__(self, customer: CustomerKey, stored: Mapping[Flag, bytes]) -> None:
        self._customer = customer
        self._stored = stored
        self._now = dict(stored)
        self._notes: list[Note] = []

    @property
    def are_set(self) -> frozenset[Flag]:
        """Whatever its value, a flag that is there is set."""
        return frozenset(self._now)

    def put(self, flags: Mapping[Flag, bool], actor: str) -> None:
        """Change what is named; the others stay."""
        for flag, is_set in flags.items():
            before = self._now.pop(flag, None)
            if is_set:
                self._now[flag] = SET
            if before != self._now.get(flag):
                word = FLAG_SET if is_set else FLAG_CLEARED
                self._notes.append(Note(RowKind.FLAG, self._customer, flag, word, actor))

    def step(self, shop: ShopName) -> Step:
        name = redis_keys.customer(shop, self._customer)
        edits = [
            Edit(name, flag_field(flag), self._stored.get(flag, b""), self._now.get(flag, b""))
            for flag in Flag
            if self._stored.get(flag) != self._now.get(flag)
        ]
        return Step(edits, self._notes)


def _ask_flags(pipeline: Pipeline, shop: ShopName, key: CustomerKey) -> None:
    pipeline.hmget(redis_keys.customer(shop, key), list(map(flag_field, Flag)))


def _readable(reply: Any) -> Any:
    if isinstance(reply, redis.RedisError):
        raise reply
    return reply


def _by_flag(values: Sequence[bytes | None]) -> dict[Flag, bytes]:
    told = zip(Flag, values, strict=True)
    return {flag: value for flag, value in told if value is not None}


def _encode(profile: Profile) -> bytes:
    return b"" if profile == NO_PROFILE else msgspec.json.encode(profile)


def decode_profile(shop: ShopName, record: bytes) -> Profile:
    """Read a record; what cannot be read is logged, and nothing is known."""
    if not record:
        return NO_PROFILE
    try:
        return msgspec.json.decode(record, type=Profile)
    except msgspec.DecodeError:
        _log.warning("profile_unreadable", shop=shop)
        return NO_PROFILE
