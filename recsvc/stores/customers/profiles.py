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

_PROFILES_PER_STEP = 200

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class NewProfile:
    """A profile that replaces the stored one. Flags that are not named keep their value."""

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
        """Replace profiles in order; return which of them were stored.

        A profile of an erased customer is not stored if it holds more than flags.
        """
        remaining = iter(profiles)
        were_put: list[bool] = []
        while chunk := tuple(islice(remaining, _PROFILES_PER_STEP)):
            were_put += self._put_chunk(shop, chunk, actor)
        return were_put

    def change(
        self, shop: ShopName, key: CustomerKey, change: ProfileChange, actor: str = COMMAND_LINE
    ) -> FlaggedProfile:
        """Change the given fields alone, also under concurrent changes.

        Raises Conflict if the change holds more than flags and the customer is erased.
        """

        def ask(pipeline: Pipeline) -> None:
            pipeline.get(redis_keys.profile(shop, key))
            _queue_flags(pipeline, shop, key)

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
            _queue_flags(pipeline, shop, key)
            stored, values = pipeline.execute()
        return FlaggedProfile(decode_profile(shop, stored or b""), _Flags(key, values).are_set)

    def _put_chunk(self, shop: ShopName, chunk: Sequence[NewProfile], actor: str) -> list[bool]:
        customers = list(dict.fromkeys(new.customer for new in chunk))

        def ask(pipeline: Pipeline) -> None:
            for customer in customers:
                _queue_flags(pipeline, shop, customer)

        def decide(_: ChangeTime, replies: list[Any]) -> tuple[WriteStep, list[bool]]:
            found = zip(customers, map(_readable, replies), strict=True)
            flags = {customer: _Flags(customer, values) for customer, values in found}
            storable = [
                not (flags[new.customer].is_erased and encode_profile(new.profile)) for new in chunk
            ]
            stored = list(compress(chunk, storable))
            for new in stored:
                flags[new.customer].put(new.flags, actor)
            edits = [
                Edit(redis_keys.profile(shop, new.customer), "", None, encode_profile(new.profile))
                for new in stored
            ]
            steps = [each.step(shop) for each in flags.values()]
            edits += chain.from_iterable(step.edits for step in steps)
            rows = list(chain.from_iterable(step.rows for step in steps))
            return WriteStep(edits, rows), storable

        return self._change_writer.commit(shop, ask, decide)


def erased_conflict() -> Conflict:
    return Conflict(
        "the customer is erased: no data is stored until the customer grants a purpose through the "
        "consent route",
        code="customer_erased",
    )


class _Flags:
    """The stored flags of one customer, and the pending changes."""

    def __init__(self, customer: CustomerKey, values: Sequence[bytes | None]) -> None:
        """`values`: the reply to `_queue_flags`."""
        self._customer = customer
        *flags, self._erased = values
        self._stored = _by_flag(flags)
        self._now = dict(self._stored)
        self._rows: list[RowDraft] = []

    @property
    def is_erased(self) -> bool:
        """Return True if the customer was erased and has not been re-admitted."""
        return self._erased is not None and decode_tombstone(self._erased).is_erased

    @property
    def are_set(self) -> frozenset[Flag]:
        """Return the set flags: a stored flag is set whatever its value."""
        return frozenset(self._now)

    def put(self, flags: Mapping[Flag, bool], actor: str) -> None:
        """Set or clear the given flags."""
        for flag, is_set in flags.items():
            before = self._now.pop(flag, None)
            if is_set:
                self._now[flag] = SET
            if before != self._now.get(flag):
                word = FLAG_SET if is_set else FLAG_CLEARED
                self._rows.append(RowDraft(RowKind.FLAG, self._customer, flag, word, actor))

    def step(self, shop: ShopName) -> WriteStep:
        name = redis_keys.customer(shop, self._customer)
        edits = [
            Edit(name, flag_field(flag), self._stored.get(flag, b""), self._now.get(flag, b""))
            for flag in Flag
            if self._stored.get(flag) != self._now.get(flag)
        ]
        known = self._erased or b""  # refuse the write if the customer was erased after the read
        edits.append(Edit(name, ERASED, known, known))
        return WriteStep(edits, self._rows)


def _queue_flags(pipeline: Pipeline, shop: ShopName, key: CustomerKey) -> None:
    pipeline.hmget(redis_keys.customer(shop, key), [*map(flag_field, Flag), ERASED])


def _readable(reply: Any) -> Any:
    if isinstance(reply, redis.RedisError):
        raise reply
    return reply


def _by_flag(values: Sequence[bytes | None]) -> dict[Flag, bytes]:
    pairs = zip(Flag, values, strict=True)
    return {flag: value for flag, value in pairs if value is not None}


def encode_profile(profile: Profile) -> bytes:
    return b"" if profile == NO_PROFILE else msgspec.json.encode(profile)


def decode_profile(shop: ShopName, record: bytes) -> Profile:
    """Decode a profile; log an unreadable one and return an empty profile."""
    if not record:
        return NO_PROFILE
    try:
        return msgspec.json.decode(record, type=Profile)
    except msgspec.DecodeError:
        _log.warning("profile_unreadable", shop=shop)
        return NO_PROFILE
