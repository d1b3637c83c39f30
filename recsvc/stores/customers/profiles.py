"""Customer profiles in Redis: one JSON value per customer, and the flags in the consent hash.

`ChangeWriter` writes the profile, the flags and the history rows of the flags in one atomic step.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, compress, islice
from typing import Any

import msgspec
import redis
import structlog
from redis.client import Pipeline

from recsvc.domain.consent.consent import Flag
from recsvc.domain.consent.hash_chain import RowDraft, RowKind
from recsvc.domain.customers.profile import NO_PROFILE, FlaggedProfile, Profile, ProfileChange
from recsvc.domain.errors import Conflict
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
from recsvc.stores.consents.record_codec import ERASED, SET, decode_tombstone, flag_field

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
    def __init__(self, connections: Connections, change_writer: ChangeWriter) -> None:
        self._redis = connections.writes
        self._change_writer = change_writer

    def put_many(
        self, shop: ShopName, profiles: Iterable[NewProfile], actor: str = COMMAND_LINE
    ) -> list[bool]:
        """Put each in place of what was told before, in their order; say which were put.

        One that tells more than flags of a customer who was erased is not.
        """
        remaining = iter(profiles)
        were_put: list[bool] = []
        while chunk := tuple(islice(remaining, _ROWS_PER_WRITE)):
            were_put += self._put_chunk(shop, chunk, actor)
        return were_put

    def change(
        self, shop: ShopName, key: CustomerKey, change: ProfileChange, actor: str = COMMAND_LINE
    ) -> FlaggedProfile:
        """Change what is named and nothing else, whoever else changes it.

        Raises Conflict where more than flags is told of a customer who was erased.
        """

        def ask(pipeline: Pipeline) -> None:
            pipeline.get(redis_keys.profile(shop, key))
            _ask_flags(pipeline, shop, key)

        def decide(_: ChangeTime, replies: list[Any]) -> tuple[WriteStep, FlaggedProfile]:
            stored, values = map(_readable, replies)
            changed = change.apply_to(decode_profile(shop, stored or b""))
            edit = Edit(redis_keys.profile(shop, key), "", stored or b"", encode_profile(changed))
            flags = _Flags(key, values)
            if edit.new and flags.is_erased:
                raise erased_conflict()
            flags.put(change.flags, actor)
            step = flags.step(shop)
            return WriteStep([edit, *step.edits], step.rows), FlaggedProfile(changed, flags.are_set)

        return self._change_writer.commit(shop, ask, decide)

    def get(self, shop: ShopName, key: CustomerKey) -> FlaggedProfile:
        with store_faults():
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.get(redis_keys.profile(shop, key))
            _ask_flags(pipeline, shop, key)
            stored, values = pipeline.execute()
        return FlaggedProfile(decode_profile(shop, stored or b""), _Flags(key, values).are_set)

    def _put_chunk(self, shop: ShopName, chunk: Sequence[NewProfile], actor: str) -> list[bool]:
        customers = list(dict.fromkeys(new.customer for new in chunk))

        def ask(pipeline: Pipeline) -> None:
            for customer in customers:
                _ask_flags(pipeline, shop, customer)

        def decide(_: ChangeTime, replies: list[Any]) -> tuple[WriteStep, list[bool]]:
            found = zip(customers, map(_readable, replies), strict=True)
            flags = {customer: _Flags(customer, values) for customer, values in found}
            may_be = [
                not (flags[new.customer].is_erased and encode_profile(new.profile)) for new in chunk
            ]
            put = list(compress(chunk, may_be))
            for new in put:
                flags[new.customer].put(new.flags, actor)
            edits = [
                Edit(redis_keys.profile(shop, new.customer), "", None, encode_profile(new.profile))
                for new in put
            ]
            steps = [each.step(shop) for each in flags.values()]
            edits += chain.from_iterable(step.edits for step in steps)
            notes = list(chain.from_iterable(step.rows for step in steps))
            return WriteStep(edits, notes), may_be

        return self._change_writer.commit(shop, ask, decide)


def erased_conflict() -> Conflict:
    return Conflict(
        "the customer was erased: nothing is kept of them until they grant something themselves, "
        "which the consent route takes",
        code="customer_erased",
    )


class _Flags:
    """The flags of one customer as they are stored, and what is being changed of them."""

    def __init__(self, customer: CustomerKey, values: Sequence[bytes | None]) -> None:
        """`values`: what `_ask_flags` asks for."""
        self._customer = customer
        *flags, self._erased = values
        self._stored = _by_flag(flags)
        self._now = dict(self._stored)
        self._notes: list[RowDraft] = []

    @property
    def is_erased(self) -> bool:
        """Whether the customer was erased, and has granted nothing since."""
        return self._erased is not None and decode_tombstone(self._erased).is_erased

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
                self._notes.append(RowDraft(RowKind.FLAG, self._customer, flag, word, actor))

    def step(self, shop: ShopName) -> WriteStep:
        name = redis_keys.customer(shop, self._customer)
        edits = [
            Edit(name, flag_field(flag), self._stored.get(flag, b""), self._now.get(flag, b""))
            for flag in Flag
            if self._stored.get(flag) != self._now.get(flag)
        ]
        known = self._erased or b""  # nobody is erased between the reading and the writing
        edits.append(Edit(name, ERASED, known, known))
        return WriteStep(edits, self._notes)


def _ask_flags(pipeline: Pipeline, shop: ShopName, key: CustomerKey) -> None:
    pipeline.hmget(redis_keys.customer(shop, key), [*map(flag_field, Flag), ERASED])


def _readable(reply: Any) -> Any:
    if isinstance(reply, redis.RedisError):
        raise reply
    return reply


def _by_flag(values: Sequence[bytes | None]) -> dict[Flag, bytes]:
    told = zip(Flag, values, strict=True)
    return {flag: value for flag, value in told if value is not None}


def encode_profile(profile: Profile) -> bytes:
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
