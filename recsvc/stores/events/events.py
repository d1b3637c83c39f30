"""Events on their way into the store: counted once each, kept as far as consent permits.

What was counted is remembered by marks: keyed hashes of 8 bytes, which tell nobody what they are
of. What a customer permits is read and judged here; whether an event is new, the script decides in
one step with all that the event changes, and it leaves those whose consent has changed since it was
read to be judged anew.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec
from redis.typing import EncodableT as Encoded

from recsvc.domain.consent.consent import ConsentStatus, Purpose, Tombstone
from recsvc.domain.customers.recent_events import MAX_EVENTS, RecentKind
from recsvc.domain.customers.recent_purchases import MAX_LINES, content
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.events import FIELDS, Event, Outcome
from recsvc.domain.values.customer_keys import CustomerKey, Secret
from recsvc.domain.values.ids import ShopName
from recsvc.domain.values.timestamps import rfc3339
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections, store_faults
from recsvc.stores.client.lua import load_script
from recsvc.stores.client.memory_guard import check_room
from recsvc.stores.consents.policy_clock import PolicyClock, read_minimums
from recsvc.stores.consents.record_codec import decode

DIGEST_BYTES = 8
DAYS_KNOWN = 7  # a message id counts once within so many days
DAYS_COUNTED = 14  # an older event changes no count
MAX_COUNTED_ITEMS = 100_000  # items in the counts of a day

_NOBODY, _DENIED = 0, -1  # in place of a customer's number
_CHANGED = 3  # what the script answers of an event that it has left to us
_ATTEMPTS = 50
_EVENTS_PER_CALL = 100  # one script: short enough for the reads that wait behind it
_SHOPS_KEPT = 64
_MICROSECONDS = 1_000_000

_READ_CONSENTS = load_script("events/read_consents.lua")
_ADD_EVENTS = load_script(
    "events/add_events.lua",
    DAYS_KNOWN=DAYS_KNOWN,
    DAYS_COUNTED=DAYS_COUNTED,
    MAX_COUNTED_ITEMS=MAX_COUNTED_ITEMS,
)


@dataclass(frozen=True, slots=True)
class IncomingEvent:
    """An event, whose it is, and what it may change where its customer permits it.

    `denied`: the customer permits nothing, whatever the store holds. `counts_once_for`: who
    moves the count of an item once a day at most; None: each time.
    """

    event: Event
    customer: CustomerKey | None = None
    kind: RecentKind | None = None
    denied: bool = False
    counts: bool = True
    counts_once_for: str | None = None


class EventStore:
    def __init__(
        self, connections: Connections, secret: Secret, log_length: int, policy_clock: PolicyClock
    ) -> None:
        self._redis = connections.writes
        self._policy_clock = policy_clock
        self._read_consents = connections.writes.register_script(_READ_CONSENTS)
        self._add = connections.writes.register_script(_ADD_EVENTS)
        self._log_length = log_length
        self._marks = lru_cache(_SHOPS_KEPT)(lambda shop: _Digests(secret, shop))

    def check_room(self) -> None:
        """Raise StoreUnavailable when the store is so full that events would crowd out consent."""
        check_room(self._redis, "events")

    def add(self, shop: ShopName, events: Sequence[IncomingEvent]) -> list[Outcome]:
        """Take the events in, durably, and say of each what became of it.

        A call that raises may have taken in some of them: sent again they are duplicates.
        """
        chunks = (
            events[start : start + _EVENTS_PER_CALL]
            for start in range(0, len(events), _EVENTS_PER_CALL)
        )
        return [outcome for chunk in chunks for outcome in self._add_chunk(shop, chunk)]

    def _add_chunk(self, shop: ShopName, events: Sequence[IncomingEvent]) -> list[Outcome]:
        """Take in a chunk; those whose customer's consent changed meanwhile once more."""
        outcomes: dict[int, Outcome] = {}
        left = list(range(len(events)))
        for _ in range(_ATTEMPTS):
            found = self._try(shop, [events[place] for place in left])
            told = dict(zip(left, found, strict=True))
            outcomes |= {place: Outcome(each) for place, each in told.items() if each != _CHANGED}
            left = [place for place, each in told.items() if each == _CHANGED]
            if not left:
                return [outcomes[place] for place in range(len(events))]
        raise StoreUnavailable("consents are being changed all the time; send the events again")

    def _try(self, shop: ShopName, events: Sequence[IncomingEvent]) -> list[int]:
        with store_faults():
            policy, permitting = self._permitting(shop, events)
            numbers = {customer: place for place, customer in enumerate(permitting, start=1)}
            words: list[Encoded] = [
                self._log_length,
                MAX_EVENTS,
                MAX_LINES,
                redis_keys.RECENT_SECONDS,
                len(numbers),
                policy,
            ]
            for each in permitting.values():
                words += (each.stored, int(each.is_logged), int(each.is_remembered))
            marks = self._marks(shop)
            for event in events:
                words += _event_args(marks, event, _number(event, numbers, permitting))
            keys = [*_shop_keys(shop), *_customer_keys(shop, numbers)]
            return list(self._add(keys=keys, args=words))

    def _permitting(
        self, shop: ShopName, events: Sequence[IncomingEvent]
    ) -> tuple[bytes, dict[CustomerKey, "_EventPermission"]]:
        """Return the policy as it is stored, and the customers who permit anything."""
        asked = (each.customer for each in events if each.customer and not each.denied)
        customers = list(dict.fromkeys(asked))
        if not customers:
            return b"", {}
        keys = [redis_keys.epochs(shop), *(redis_keys.customer(shop, each) for each in customers)]
        stored, *records = self._read_consents(keys=keys)
        now_us, policy = (
            self._policy_clock.now_us(),
            self._policy_clock.policy(read_minimums(stored)),
        )
        judged = {
            customer: _event_permission(ConsentStatus(decode(fields), now_us, policy), fields)
            for customer, fields in zip(customers, records, strict=True)
            if isinstance(fields, list)  # a key of another kind permits nothing
        }
        return stored or b"", {who: each for who, each in judged.items() if each.anything}


@dataclass(frozen=True, slots=True)
class _EventPermission:
    """What a customer permits of events, and the record that says so as it is stored."""

    stored: bytes
    is_logged: bool
    is_remembered: bool
    tombstone: Tombstone | None

    def was_before_erasure(self, event: Event) -> bool:
        """Whether the event is of before the customer was erased: a replay."""
        at_us = event.timestamp_us
        return self.tombstone is not None and at_us is not None and self.tombstone.covers(at_us)

    @property
    def anything(self) -> bool:
        return self.is_logged or self.is_remembered


def _event_permission(status: ConsentStatus, fields: list[bytes]) -> _EventPermission:
    return _EventPermission(
        b"\n".join(fields),
        status.permits(Purpose.ANALYTICS),
        status.permits(Purpose.PERSONALIZATION),
        status.record.tombstone,
    )


def _number(
    incoming: IncomingEvent,
    numbers: Mapping[CustomerKey, int],
    permitting: Mapping[CustomerKey, "_EventPermission"],
) -> int:
    """Say whose the event is: one call may hold both what is denied of a customer and what not."""
    if incoming.customer is None:
        return _NOBODY
    permitted = permitting.get(incoming.customer)
    if incoming.denied or permitted is None or permitted.was_before_erasure(incoming.event):
        return _DENIED
    return numbers[incoming.customer]


class _Digests:
    """Makes the marks of one shop."""

    __slots__ = ("_key",)

    def __init__(self, secret: Secret, shop: ShopName) -> None:
        self._key = secret.derive(f"events:{shop}")

    def of(self, use: bytes, content: bytes) -> bytes:
        """Return the mark; those of two uses say nothing about each other."""
        digest = hashlib.blake2b(content, digest_size=DIGEST_BYTES, key=self._key, person=use)
        return digest.digest()


def _event_args(marks: _Digests, incoming: IncomingEvent, customer: int) -> list[Encoded]:
    event = incoming.event
    at_us, once = event.timestamp_us, incoming.counts_once_for
    once_content = f"{once} {event.item_id}".encode()
    return [
        marks.of(b"id", event.message_id.encode()),
        marks.of(b"content", msgspec.json.encode(event)),
        customer,
        event.item_id or "",
        event.weight if incoming.counts else 0,
        b"" if once is None or not incoming.counts else marks.of(b"once", once_content),
        incoming.kind or "",
        _purchase_entry(marks, event) if incoming.kind is RecentKind.PURCHASE else "",
        "" if at_us is None else at_us // _MICROSECONDS,
        msgspec.json.encode(_logged_fields(event))[:-1],
    ]


def _purchase_entry(marks: _Digests, event: Event) -> str:
    order = None
    if event.order_id is not None:
        order = marks.of(b"order", event.order_id.encode()).hex()
    return content(event.item_id or "", order, event.paid)


def _logged_fields(event: Event) -> dict[str, object]:
    """Return what the log keeps. A session is the trace of a person: not without a customer."""
    values = {name: getattr(event, field.attribute) for name, field in FIELDS.items()}
    if event.timestamp_us is not None:
        values["timestamp"] = rfc3339(event.timestamp_us)
    if event.customer_id is None:
        del values["session_id"]
    return {name: value for name, value in values.items() if value is not None}


def _shop_keys(shop: ShopName) -> list[str]:
    names = (
        redis_keys.events,
        redis_keys.seen_days,
        redis_keys.seen,
        redis_keys.counts,
        redis_keys.epochs,
    )
    return [name(shop) for name in names]


def _customer_keys(shop: ShopName, customers: Iterable[CustomerKey]) -> list[str]:
    return [
        name(shop, customer)
        for customer in customers
        for name in (redis_keys.customer, redis_keys.recent, redis_keys.purchases)
    ]
