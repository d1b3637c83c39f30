"""Store events: each counts once, and is kept only as far as its customer's consent permits.

Python reads the consents and decides. `add_events.lua` then stores a chunk in one atomic step: it
detects duplicates by their digests (keyed hashes of 8 bytes) and leaves out each event whose
customer's consent changed since the read. Those are decided and sent again.
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
from recsvc.stores.client.memory_guard import check_memory
from recsvc.stores.consents.policy_clock import PolicyClock, read_minimums
from recsvc.stores.consents.record_codec import decode

DIGEST_BYTES = 8
DAYS_KNOWN = 7  # a message id counts once within so many days
DAYS_COUNTED = 14  # an older event changes no count
MAX_COUNTED_ITEMS = 100_000  # items in the counts of a day

_NO_CUSTOMER, _DENIED = 0, -1  # in place of a customer's number
_CHANGED = 3  # result of an event that was not stored: consent changed since the read
_ATTEMPTS = 50
_EVENTS_PER_CALL = 100  # a script blocks all reads while it runs
_CACHED_SHOPS = 64
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
    """An event, its customer, and the changes that it may make if the customer permits them.

    `kind`: its kind in the customer's lists; None: not listed. `denied`: this request permits
    nothing, even where the stored consent does. `counts`: changes the trending count of its item.
    `counts_once_for`: the customer or session that counts at most once per item and day; None: each
    event counts.
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
        self._digests = lru_cache(_CACHED_SHOPS)(lambda shop: _Digests(secret, shop))

    def check_memory(self) -> None:
        """Raise StoreUnavailable if the store has memory left for consents only."""
        check_memory(self._redis, "events")

    def add(self, shop: ShopName, events: Sequence[IncomingEvent]) -> list[Outcome]:
        """Store the events durably; return the outcome of each, in order.

        If the call raises, some events may be stored. Sent again, they are duplicates.
        """
        chunks = (
            events[start : start + _EVENTS_PER_CALL]
            for start in range(0, len(events), _EVENTS_PER_CALL)
        )
        return [outcome for chunk in chunks for outcome in self._add_chunk(shop, chunk)]

    def _add_chunk(self, shop: ShopName, events: Sequence[IncomingEvent]) -> list[Outcome]:
        """Store a chunk; repeat the events whose customer's consent changed since it was read."""
        outcomes: dict[int, Outcome] = {}
        left = list(range(len(events)))
        for _ in range(_ATTEMPTS):
            found = self._try(shop, [events[place] for place in left])
            results = dict(zip(left, found, strict=True))
            outcomes |= {
                place: Outcome(each) for place, each in results.items() if each != _CHANGED
            }
            left = [place for place, each in results.items() if each == _CHANGED]
            if not left:
                return [outcomes[place] for place in range(len(events))]
        raise StoreUnavailable("consents are changing too often; send the events again")

    def _try(self, shop: ShopName, events: Sequence[IncomingEvent]) -> list[int]:
        with store_faults():
            policy, permitting = self._permitting(shop, events)
            numbers = {customer: place for place, customer in enumerate(permitting, start=1)}
            args: list[Encoded] = [
                self._log_length,
                MAX_EVENTS,
                MAX_LINES,
                redis_keys.RECENT_SECONDS,
                len(numbers),
                policy,
            ]
            for each in permitting.values():
                args += (each.stored, int(each.is_logged), int(each.is_remembered))
            digests = self._digests(shop)
            for event in events:
                args += _event_args(digests, event, _number(event, numbers, permitting))
            keys = [*_shop_keys(shop), *_customer_keys(shop, numbers)]
            return list(self._add(keys=keys, args=args))

    def _permitting(
        self, shop: ShopName, events: Sequence[IncomingEvent]
    ) -> tuple[bytes, dict[CustomerKey, "_EventPermission"]]:
        """Return the stored policy, and the permissions of the customers who permit anything."""
        named = (each.customer for each in events if each.customer and not each.denied)
        customers = list(dict.fromkeys(named))
        if not customers:
            return b"", {}
        keys = [redis_keys.epochs(shop), *(redis_keys.customer(shop, each) for each in customers)]
        stored, *records = self._read_consents(keys=keys)
        now_us = self._policy_clock.now_us()
        policy = self._policy_clock.policy(read_minimums(stored))
        permissions = {
            customer: _event_permission(ConsentStatus(decode(fields), now_us, policy), fields)
            for customer, fields in zip(customers, records, strict=True)
            if isinstance(fields, list)  # a key of another type permits nothing
        }
        return stored or b"", {
            customer: each for customer, each in permissions.items() if each.permits_anything
        }


@dataclass(frozen=True, slots=True)
class _EventPermission:
    """A customer's permissions for events, with the stored bytes that they were decided on."""

    stored: bytes
    is_logged: bool
    is_remembered: bool
    tombstone: Tombstone | None

    def was_before_erasure(self, event: Event) -> bool:
        """Return True for a replay of an event from before the customer was erased."""
        at_us = event.timestamp_us
        return self.tombstone is not None and at_us is not None and self.tombstone.covers(at_us)

    @property
    def permits_anything(self) -> bool:
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
    """Return the customer's number for the script, or the reason for none."""
    if incoming.customer is None:
        return _NO_CUSTOMER
    permission = permitting.get(incoming.customer)
    if incoming.denied or permission is None or permission.was_before_erasure(incoming.event):
        return _DENIED
    return numbers[incoming.customer]


class _Digests:
    """Computes the digests of one shop."""

    __slots__ = ("_key",)

    def __init__(self, secret: Secret, shop: ShopName) -> None:
        self._key = secret.derive(f"events:{shop}")

    def digest(self, use: bytes, content: bytes) -> bytes:
        """Return the digest. Digests of the same content for two uses are unrelated."""
        digest = hashlib.blake2b(content, digest_size=DIGEST_BYTES, key=self._key, person=use)
        return digest.digest()


def _event_args(digests: _Digests, incoming: IncomingEvent, customer: int) -> list[Encoded]:
    event = incoming.event
    at_us, once = event.timestamp_us, incoming.counts_once_for
    once_content = f"{once} {event.item_id}".encode()
    return [
        digests.digest(b"id", event.message_id.encode()),
        digests.digest(b"content", msgspec.json.encode(event)),
        customer,
        event.item_id or "",
        event.weight if incoming.counts else 0,
        b"" if once is None or not incoming.counts else digests.digest(b"once", once_content),
        incoming.kind or "",
        _purchase_entry(digests, event) if incoming.kind is RecentKind.PURCHASE else "",
        "" if at_us is None else at_us // _MICROSECONDS,
        msgspec.json.encode(_logged_fields(event))[:-1],
    ]


def _purchase_entry(digests: _Digests, event: Event) -> str:
    order = None
    if event.order_id is not None:
        order = digests.digest(b"order", event.order_id.encode()).hex()
    return content(event.item_id or "", order, event.paid)


def _logged_fields(event: Event) -> dict[str, object]:
    """Return the fields for the log. A session identifies a person: dropped without a customer."""
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
