"""An event as the arguments of `add_events.lua`."""

import hashlib
from dataclasses import dataclass
from typing import Literal

import msgspec
from redis.typing import EncodableT as Encoded

from recsvc.domain.customers.purchase_history import ORDER_DIGITS, HistoryChange, number_text
from recsvc.domain.customers.recent_events import RecentKind
from recsvc.domain.events import FIELDS, Event
from recsvc.domain.values.customer_keys import CustomerKey, Secret
from recsvc.domain.values.ids import ShopName
from recsvc.domain.values.timestamps import rfc3339

DIGEST_BYTES = 8

_US_PER_MS = 1000


@dataclass(frozen=True, slots=True)
class IncomingEvent:
    """An event, its customer, and the changes that it may make if the customer permits them.

    `kind`: its kind in the customer's list of events, or IMPRESSION; None: not listed. `change`: of
    the customer's purchase history; None: none. `denied`: this request permits nothing, even where
    the stored consent does.
    `counts`: changes the trending count of its item. `counts_once_for`: the customer or session
    that counts at most once per item and day; None: each event counts.
    """

    event: Event
    customer: CustomerKey | None = None
    kind: RecentKind | Literal["s"] | None = None
    change: HistoryChange | None = None
    denied: bool = False
    counts: bool = True
    counts_once_for: str | None = None


class Digests:
    """Computes the digests of one shop."""

    __slots__ = ("_key",)

    def __init__(self, secret: Secret, shop: ShopName) -> None:
        self._key = secret.derive(f"events:{shop}")

    def digest(self, use: bytes, content: bytes) -> bytes:
        """Return the digest. Digests of the same content for two uses are unrelated."""
        digest = hashlib.blake2b(content, digest_size=DIGEST_BYTES, key=self._key, person=use)
        return digest.digest()


def event_args(digests: Digests, incoming: IncomingEvent, customer: int) -> list[Encoded]:
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
        "" if incoming.change is None else _change_text(digests, event, incoming.change),
        "" if at_us is None else at_us // _US_PER_MS,
        msgspec.json.encode(_logged_fields(event))[:-1],
    ]


def _change_text(digests: Digests, event: Event, change: HistoryChange) -> str:
    """Return the change of the history as the script takes it."""
    order = paid = units = ""
    if event.order_id is not None:
        order = digests.digest(b"order", event.order_id.encode()).hex()[:ORDER_DIGITS]
    if change is HistoryChange.PURCHASE:
        paid = "" if event.paid is None else number_text(event.paid)
        units = number_text(event.quantity or 1.0)
    elif event.quantity is not None:
        units = number_text(event.quantity)
    return f"{change}{order}\t{paid}\t{units}"


def _logged_fields(event: Event) -> dict[str, object]:
    """Return the fields for the log. A session identifies a person: dropped without a customer."""
    values = {name: getattr(event, field.attribute) for name, field in FIELDS.items()}
    if event.timestamp_us is not None:
        values["timestamp"] = rfc3339(event.timestamp_us)
    if event.customer_id is None:
        del values["session_id"]
    return {name: value for name, value in values.items() if value is not None}
