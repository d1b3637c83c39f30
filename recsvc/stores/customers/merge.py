"""Merge two customers in one atomic step: hand over shared data, erase the rest.

The merged customer (`away`) is left as erased, with a tombstone without a reference. Claims are
handed over after that step, when no new ones can be added. Until then a stored note names the
remaining customer (`into`), so that the next call completes an interrupted merge.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import redis
from redis.client import Pipeline

from recsvc.domain.consent.consent import ConsentRecord, Flag, Purpose, PurposeConsent
from recsvc.domain.consent.hash_chain import RowDraft, RowKind
from recsvc.domain.customers.merging import (
    ended_purposes,
    merged_consent,
    merged_events,
    merged_history,
    merged_profile,
    merged_tombstone,
    statement_of,
)
from recsvc.domain.customers.old_purchases import history_of
from recsvc.domain.customers.privacy import MergeResult
from recsvc.domain.customers.purchase_history import PurchaseHistory
from recsvc.domain.customers.purchase_history import decode as decode_history
from recsvc.domain.customers.purchase_history import encode as encode_history
from recsvc.domain.errors import Conflict
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.consents.change_writer import (
    COMMAND_LINE,
    EXPIRING_TEXT,
    WHOLE_LIST,
    ChangeTime,
    ChangeWriter,
    Edit,
    WriteStep,
)
from recsvc.stores.consents.consents import StoredFields, record_of
from recsvc.stores.consents.policy_clock import Minimums, PolicyClock, read_minimums
from recsvc.stores.consents.record_codec import (
    ERASED,
    SET,
    encode,
    encode_tombstone,
    field_of,
    flag_field,
    statement_text,
)
from recsvc.stores.customers.erasure import CUSTOMER_SUBJECT, erasure_edits, new_tombstone
from recsvc.stores.customers.merge_notes import decode_notes, encode_note
from recsvc.stores.customers.profiles import FLAG_SET, decode_profile, encode_profile

MERGED_IN, MERGED_AWAY = "merged_in", "merged_away"

_REPLIES = 5  # about each of the two customers
_US = 1_000_000

_OFFERS = (Purpose.PERSONALIZATION, Purpose.OFFERS)


@dataclass(frozen=True, slots=True)
class _StoredCustomer:
    """The stored data of one of the two customers."""

    fields: StoredFields
    record: ConsentRecord
    profile: bytes
    recent: list[bytes]
    purchases: bytes | list[bytes]  # the text of the history, or the list of an older release

    @property
    def is_unknown(self) -> bool:
        """True if the store has no data of the customer. Claims and events follow a statement."""
        return not (self.fields or self.profile or self.recent or self.purchases)


class MergeStore:
    def __init__(self, change_writer: ChangeWriter, policy_clock: PolicyClock) -> None:
        self._change_writer = change_writer
        self._policy_clock = policy_clock

    def merge(
        self, shop: ShopName, away: CustomerKey, into: CustomerKey, actor: str = COMMAND_LINE
    ) -> MergeResult:
        """Merge `away` into `into`; raise Conflict if either is erased.

        The caller then hands over the claims, and calls `finish`.
        """

        def ask(pipeline: Pipeline) -> None:
            pipeline.hget(redis_keys.epochs(shop), redis_keys.POLICY)
            for key in (away, into):
                pipeline.hgetall(redis_keys.customer(shop, key))
                pipeline.get(redis_keys.profile(shop, key))
                pipeline.lrange(redis_keys.recent(shop, key), 0, -1)
                pipeline.get(redis_keys.purchases(shop, key))
                pipeline.lrange(redis_keys.purchases(shop, key), 0, -1)

        def decide(time: ChangeTime, replies: list[Any]) -> tuple[WriteStep, MergeResult]:
            policy, *stored = replies
            other, mine = _side(stored[:_REPLIES]), _side(stored[_REPLIES:])
            if _is_shut(other) or _is_shut(mine):
                raise _erased("the customer" if _is_shut(other) else "`into`")
            if other.is_unknown:
                return WriteStep(), MergeResult.unchanged(into, time.recorded_at_us)
            both = self._both_permit((other, mine), read_minimums(_readable(policy)), time.now_us)
            merged = MergeResult(
                into,
                time.recorded_at_us,
                both(Purpose.PERSONALIZATION),
                both(*_OFFERS),
                ended_purposes(mine.record, other.record),
            )
            tombstone = new_tombstone(other.record, time)
            draft = _MergeDraft(shop, into, actor)
            draft.put_all(mine, other, merged, time.now_us)
            draft.add_row(into, CUSTOMER_SUBJECT, MERGED_IN)
            draft.add_row(away, CUSTOMER_SUBJECT, MERGED_AWAY, tombstone.erased_at_us)
            draft.edits += erasure_edits(shop, away, tombstone)
            draft.edits.append(
                Edit(redis_keys.merging(shop), away.hex(), None, encode_note(merged))
            )
            return WriteStep(draft.edits, draft.rows, requires_head=True), merged

        return self._change_writer.commit(shop, ask, decide)

    def _both_permit(
        self, sides: Sequence[_StoredCustomer], minimums: Minimums | None, now_us: int
    ) -> Callable[..., bool]:
        statuses = [self._policy_clock.status(side.record, minimums, now_us) for side in sides]
        return lambda *purposes: all(one.permits(each) for one in statuses for each in purposes)

    def unfinished(self, shop: ShopName) -> dict[CustomerKey, MergeResult]:
        """Return the unfinished merges by merged customer."""

        def ask(pipeline: Pipeline) -> None:
            pipeline.hgetall(redis_keys.merging(shop))

        def decide(
            _: ChangeTime, replies: list[Any]
        ) -> tuple[WriteStep, dict[CustomerKey, MergeResult]]:
            return WriteStep(), decode_notes(shop, _readable(replies[0]))

        return self._change_writer.commit(shop, ask, decide)

    def finish(self, shop: ShopName, away: CustomerKey, merged: MergeResult) -> None:
        """Remove the note of this merge, but not that of a later one."""
        name, field, note = redis_keys.merging(shop), away.hex(), encode_note(merged)

        def ask(pipeline: Pipeline) -> None:
            pipeline.hget(name, field)

        def decide(_: ChangeTime, replies: list[Any]) -> tuple[WriteStep, None]:
            is_this = _readable(replies[0]) == note
            return WriteStep([Edit(name, field, note, b"")] if is_this else ()), None

        self._change_writer.commit(shop, ask, decide)


class _MergeDraft:
    """The pending changes of the remaining customer."""

    def __init__(self, shop: ShopName, key: CustomerKey, actor: str) -> None:
        self._shop = shop
        self._key = key
        self._name = redis_keys.customer(shop, key)
        self._actor = actor
        self.edits: list[Edit] = []
        self.rows: list[RowDraft] = []

    def add_row(
        self, key: CustomerKey, subject: str, word: str, said_at_us: int | None = None
    ) -> None:
        self.rows.append(RowDraft(RowKind.MERGE, key, subject, word, self._actor, said_at_us))

    def put_all(
        self, mine: _StoredCustomer, other: _StoredCustomer, merged: MergeResult, now_us: int
    ) -> None:
        self.put_purposes(mine, other, now_us)
        self.put_flags(mine, other)
        self.put_tombstone(mine, other)
        self.put_profile(mine, other, shared=merged.has_shared)
        if merged.has_shared:
            self.put_recent(mine.recent, other.recent)
            self.put_purchases(mine.purchases, other.purchases, now_us // _US)

    def put_purposes(self, mine: _StoredCustomer, other: _StoredCustomer, now_us: int) -> None:
        for purpose in Purpose:
            if purpose in mine.record.unreadable:  # denies; only a live statement repairs it
                continue
            last = mine.record.purposes.get(purpose)
            consent = merged_consent(last, statement_of(other.record, purpose), now_us)
            if consent is not None and consent != last:
                self._put_purpose(mine, purpose, consent)

    def _put_purpose(
        self, mine: _StoredCustomer, purpose: Purpose, consent: PurposeConsent
    ) -> None:
        field = field_of(purpose)
        old = mine.fields.get(field.encode(), b"")
        self.edits.append(Edit(self._name, field, old, encode(consent)))
        self.rows.append(
            RowDraft(
                RowKind.MERGE,
                self._key,
                purpose,
                statement_text(consent.granted),
                self._actor,
                consent.at_us,
                consent.policy_version,
                consent.source,
            )
        )

    def put_flags(self, mine: _StoredCustomer, other: _StoredCustomer) -> None:
        """Add the flags of the other customer."""
        for flag in Flag:
            if flag in other.record.flags and flag not in mine.record.flags:
                self.edits.append(Edit(self._name, flag_field(flag), b"", SET))
                self.add_row(self._key, flag, FLAG_SET)

    def put_tombstone(self, mine: _StoredCustomer, other: _StoredCustomer) -> None:
        tombstone = merged_tombstone(mine.record.tombstone, other.record.tombstone)
        old = mine.fields.get(ERASED.encode(), b"")
        new = b"" if tombstone is None else encode_tombstone(tombstone)
        self.edits.append(Edit(self._name, ERASED, old, new))

    def put_profile(self, mine: _StoredCustomer, other: _StoredCustomer, *, shared: bool) -> None:
        if not (shared and other.profile):
            return
        known = decode_profile(self._shop, mine.profile)
        both = merged_profile(known, decode_profile(self._shop, other.profile))
        name = redis_keys.profile(self._shop, self._key)
        self.edits.append(Edit(name, "", mine.profile, encode_profile(both)))

    def put_recent(self, mine: list[bytes], other: list[bytes]) -> None:
        if other:
            name, entries = redis_keys.recent(self._shop, self._key), merged_events(mine, other)
            self.edits.append(Edit(name, WHOLE_LIST, b"\n".join(mine), b"\n".join(entries)))

    def put_purchases(
        self, mine: bytes | list[bytes], other: bytes | list[bytes], now_seconds: int
    ) -> None:
        if not other:
            return
        name = redis_keys.purchases(self._shop, self._key)
        both = merged_history(
            _history(mine, now_seconds), _history(other, now_seconds), now_seconds
        )
        if isinstance(mine, bytes):
            self.edits.append(Edit(name, EXPIRING_TEXT, mine, encode_history(both)))
        else:
            self.edits.append(Edit(name, WHOLE_LIST, b"\n".join(mine), b""))
            self.edits.append(Edit(name, EXPIRING_TEXT, None, encode_history(both)))


def _readable(reply: Any) -> Any:
    if isinstance(reply, redis.RedisError):
        raise reply
    return reply


def _side(stored: list[Any]) -> _StoredCustomer:
    text, old_list = stored[3:]
    fields, profile, recent = map(_readable, stored[:3])
    is_text = not isinstance(text, redis.RedisError)
    purchases = text or b"" if is_text else _readable(old_list)
    return _StoredCustomer(fields, record_of(fields), profile or b"", recent, purchases)


def _history(stored: bytes | list[bytes], now_seconds: int) -> PurchaseHistory:
    if isinstance(stored, bytes):
        return decode_history(stored)
    return history_of(stored, now_seconds)


def _is_shut(side: _StoredCustomer) -> bool:
    return side.record.tombstone is not None and side.record.tombstone.is_erased


def _erased(name: str) -> Conflict:
    return Conflict(
        f"{name} is erased or merged; a merge requires a later grant through the consent route",
        code="customer_erased",
    )
