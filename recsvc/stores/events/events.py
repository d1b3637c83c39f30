"""Store events: each counts once, and is kept only as far as its customer's consent permits.

Python reads the consents and decides. `add_events.lua` then stores a chunk in one atomic step: it
detects duplicates by their digests (keyed hashes of 8 bytes) and leaves out each event whose
customer's consent changed since the read. Those are decided and sent again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from redis.typing import EncodableT as Encoded

from recsvc.domain.consent.consent import ConsentStatus, Purpose, Tombstone
from recsvc.domain.customers import purchase_history as history
from recsvc.domain.customers.old_purchases import MAX_LINES
from recsvc.domain.customers.recent_events import (
    IMPRESSION_SECONDS,
    MAX_EVENTS,
    MAX_IMPRESSIONS,
)
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.events import Event, Outcome
from recsvc.domain.values.customer_keys import CustomerKey, Secret
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections, store_faults
from recsvc.stores.client.lua import load_script
from recsvc.stores.client.memory_guard import check_memory
from recsvc.stores.consents.policy_clock import PolicyClock, read_minimums
from recsvc.stores.consents.record_codec import decode
from recsvc.stores.events.event_arguments import Digests, IncomingEvent, event_args

DAYS_KNOWN = 7  # a message id counts once within so many days
DAYS_COUNTED = 14  # an older event changes no count
MAX_COUNTED_ITEMS = 100_000  # items in the counts of a day

_NO_CUSTOMER, _DENIED = 0, -1  # in place of a customer's number
_CHANGED = 3  # result of an event that was not stored: consent changed since the read
_ATTEMPTS = 50
_EVENTS_PER_CALL = 100  # a script blocks all reads while it runs
_CACHED_SHOPS = 64

_READ_CONSENTS = load_script("events/read_consents.lua")
_ADD_EVENTS = load_script(
    "events/add_events.lua",
    DAYS_KNOWN=DAYS_KNOWN,
    DAYS_COUNTED=DAYS_COUNTED,
    MAX_COUNTED_ITEMS=MAX_COUNTED_ITEMS,
    MAX_IMPRESSIONS=MAX_IMPRESSIONS,
    IMPRESSION_SECONDS=IMPRESSION_SECONDS,
    KEPT_SECONDS=history.KEPT_SECONDS,
    MAX_BYTES=history.MAX_BYTES,
    MAX_HEADER_BYTES=history.MAX_HEADER_BYTES,
    MAX_ITEMS=history.MAX_ITEMS,
    MAX_DISMISSALS=history.MAX_DISMISSALS,
    MAX_DISMISSAL_BYTES=history.MAX_DISMISSAL_BYTES,
    MAX_ORDER_BYTES=history.MAX_ORDER_BYTES,
    ORDER_BYTES_AFTER=history.ORDER_BYTES_AFTER,
    MAX_REFUND_BYTES=history.MAX_REFUND_BYTES,
    MAX_OLD_LINES=MAX_LINES,
)

# Finds the items of a stored history that must not be kept.
ItemsToRemove = Callable[[bytes], Sequence[str]]


class EventStore:
    def __init__(
        self, connections: Connections, secret: Secret, log_length: int, policy_clock: PolicyClock
    ) -> None:
        self._redis = connections.writes
        self._policy_clock = policy_clock
        self._read_consents = connections.writes.register_script(_READ_CONSENTS)
        self._add = connections.writes.register_script(_ADD_EVENTS)
        self._log_length = log_length
        self._digests = lru_cache(_CACHED_SHOPS)(lambda shop: Digests(secret, shop))

    def check_memory(self) -> None:
        """Raise StoreUnavailable if the store has memory left for consents only."""
        check_memory(self._redis, "events")

    def add(
        self,
        shop: ShopName,
        events: Sequence[IncomingEvent],
        items_to_remove: ItemsToRemove | None = None,
    ) -> list[Outcome]:
        """Store the events durably; return the outcome of each, in order.

        If the call raises, some events may be stored. Sent again, they are duplicates.
        `items_to_remove`: of the histories that the events change; None: none.
        """
        chunks = (
            events[start : start + _EVENTS_PER_CALL]
            for start in range(0, len(events), _EVENTS_PER_CALL)
        )
        return [
            outcome for chunk in chunks for outcome in self._add_chunk(shop, chunk, items_to_remove)
        ]

    def _add_chunk(
        self, shop: ShopName, events: Sequence[IncomingEvent], items_to_remove: ItemsToRemove | None
    ) -> list[Outcome]:
        """Store a chunk; repeat the events whose customer's consent changed since it was read."""
        outcomes: dict[int, Outcome] = {}
        left = list(range(len(events)))
        for _ in range(_ATTEMPTS):
            found = self._try(shop, [events[place] for place in left], items_to_remove)
            results = dict(zip(left, found, strict=True))
            outcomes |= {
                place: Outcome(each) for place, each in results.items() if each != _CHANGED
            }
            left = [place for place, each in results.items() if each == _CHANGED]
            if not left:
                return [outcomes[place] for place in range(len(events))]
        raise StoreUnavailable("consents are changing too often; send the events again")

    def _try(
        self, shop: ShopName, events: Sequence[IncomingEvent], items_to_remove: ItemsToRemove | None
    ) -> list[int]:
        with store_faults():
            policy, permitting = self._permitting(shop, events, items_to_remove)
            numbers = {customer: place for place, customer in enumerate(permitting, start=1)}
            args: list[Encoded] = [
                self._log_length,
                MAX_EVENTS,
                redis_keys.RECENT_SECONDS,
                len(numbers),
                policy,
            ]
            for each in permitting.values():
                flags = (int(each.is_logged), int(each.is_remembered))
                args += (each.stored, *flags, "\n".join(each.items_to_remove))
            digests = self._digests(shop)
            for event in events:
                args += event_args(digests, event, _number(event, numbers, permitting))
            keys = [*_shop_keys(shop), *_customer_keys(shop, numbers)]
            return list(self._add(keys=keys, args=args))

    def _permitting(
        self, shop: ShopName, events: Sequence[IncomingEvent], items_to_remove: ItemsToRemove | None
    ) -> tuple[bytes, dict[CustomerKey, "_EventPermission"]]:
        """Return the stored policy, and the permissions of the customers who permit anything."""
        named = [(each.customer, each.change) for each in events if not each.denied]
        customers = list(dict.fromkeys(customer for customer, _ in named if customer))
        if not customers:
            return b"", {}
        changed: list[CustomerKey] = []
        if items_to_remove is not None:
            changed = list(dict.fromkeys(each for each, change in named if each and change))
        keys = [redis_keys.epochs(shop), *(redis_keys.customer(shop, each) for each in customers)]
        keys += [redis_keys.purchases(shop, each) for each in changed]
        stored, *replies = self._read_consents(keys=keys, args=[len(customers)])
        now_us = self._policy_clock.now_us()
        policy = self._policy_clock.policy(read_minimums(stored))
        histories = dict(zip(changed, replies[len(customers) :], strict=True))
        permissions = {
            customer: _event_permission(ConsentStatus(decode(fields), now_us, policy), fields)
            for customer, fields in zip(customers, replies[: len(customers)], strict=True)
            if isinstance(fields, list)  # a key of another type permits nothing
        }
        for customer, text in histories.items():
            permission = permissions.get(customer)
            if text and permission and permission.is_remembered and items_to_remove:
                found = items_to_remove(text)
                permissions[customer] = replace(permission, items_to_remove=found)
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
    items_to_remove: Sequence[str] = ()

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
        for name in (
            redis_keys.customer,
            redis_keys.recent,
            redis_keys.purchases,
            redis_keys.impressions,
        )
    ]
