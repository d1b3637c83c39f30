"""Events that a shop or a browser sends, and the rules of their fields. Pure."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from itertools import islice
from typing import Annotated, Any, Literal

from msgspec import Meta

from recsvc.domain.errors import BadRequest, FieldError
from recsvc.domain.offers.decision_ids import MAX_DECISION_ID_LENGTH
from recsvc.domain.values.ids import ID_RULE, CustomerId, IdText, ItemId, id_fault
from recsvc.domain.values.labels import LABEL_RULE, label_fault
from recsvc.domain.values.timestamps import RFC3339_RULE, parse_rfc3339, rfc3339
from recsvc.domain.values.validation import InvalidValue, mismatch, shortened_json, unknown_field

MAX_TEXT_BYTES = 128
MAX_QUANTITY = 1e6
MAX_PRICE = 1e12
LEEWAY_SECONDS = 300  # browsers' clocks are wrong by minutes

MAX_UNKNOWN_NAMED = 3  # unknown fields that an error names, so that it stays short

BAD_EVENT = "bad_event"

_FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff]"
)  # control characters, half surrogate pairs


class EventType(StrEnum):
    VIEW = "view"
    IMPRESSION = "impression"
    ADD_TO_CART = "add_to_cart"
    REMOVE_FROM_CART = "remove_from_cart"
    PURCHASE = "purchase"
    REFUND = "refund"
    ITEM_DISMISSED = "item_dismissed"
    ITEM_DISMISSAL_CANCELLED = "item_dismissal_cancelled"
    OFFER_SHOWN = "offer_shown"
    OFFER_ACCEPTED = "offer_accepted"
    OFFER_DISMISSED = "offer_dismissed"
    OFFER_REDEEMED = "offer_redeemed"
    OFFER_REDEMPTION_CANCELLED = "offer_redemption_cancelled"


class Outcome(IntEnum):
    """The result of storing an event. The numbers are those of `add_events.lua`."""

    NEW = 0
    DUPLICATE = 1
    REUSED = 2  # another event has its message_id


OFFER_TYPES = frozenset(each for each in EventType if each.startswith("offer_"))
SECRET_KEY_TYPES = frozenset(
    {
        EventType.PURCHASE,
        EventType.REFUND,
        EventType.OFFER_REDEEMED,
        EventType.OFFER_REDEMPTION_CANCELLED,
    }
)

# Weight of an event in the trending count of its item; other types: 0.
WEIGHTS: Mapping[EventType, int] = {
    EventType.PURCHASE: 5,
    EventType.ADD_TO_CART: 3,
    EventType.VIEW: 1,
}


@dataclass(frozen=True, slots=True)
class Event:
    """One event as sent. `timestamp_us`: microseconds since 1970; None: the time of arrival."""

    message_id: str
    type: EventType
    timestamp_us: int | None = None
    customer_id: CustomerId | None = None
    session_id: str | None = None
    item_id: ItemId | None = None
    offer_id: str | None = None
    quantity: float | None = None
    price: float | None = None
    order_id: str | None = None
    line_id: str | None = None
    recommendation_id: str | None = None
    decision_id: str | None = None
    claim_id: str | None = None
    delivery_id: str | None = None
    channel: str | None = None

    @property
    def weight(self) -> int:
        """Return the weight of the event in the count of its item."""
        return WEIGHTS.get(self.type, 0)

    @property
    def paid(self) -> float | None:
        """Return the price times the quantity (default 1); None without a price."""
        return None if self.price is None else self.price * (self.quantity or 1.0)


@dataclass(frozen=True, slots=True)
class EventField:
    """One field of an event. The reader, the OpenAPI document and the messages are made of it.

    `attribute`: of `Event`. `rule`: the valid values, in words. `read`: convert a JSON value, or
    raise InvalidValue. `schema`: the JSON type, for the OpenAPI document.
    """

    attribute: str
    rule: str
    read: Callable[[Any], Any]
    schema: Any
    is_required: bool = False


def read_event(given: Mapping[str, Any], now_us: int) -> Event:
    """Read an event from JSON. Raise `bad_event` with every fault. null counts as absent."""
    values: dict[str, Any] = {}
    unknown = (name for name in given if name not in FIELDS)
    faults = [unknown_field(name, FIELDS) for name in islice(unknown, MAX_UNKNOWN_NAMED)]
    for name, value in given.items():
        field = FIELDS.get(name)
        if field is not None and value is not None:
            try:
                values[field.attribute] = field.read(value)
            except InvalidValue:
                faults.append(FieldError(name, mismatch(value, field.rule, name)))
    faulty = {fault.field for fault in faults}
    faults += [each for each in _missing(values) if each.field not in faulty]
    faults += [each for each in _refund_faults(values) if each.field not in faulty]
    faults += _time_faults(values.get("timestamp_us"), now_us)
    if faults:
        raise refusal(faults)
    return Event(**values)


def browser_faults(event: Event) -> list[FieldError]:
    """Return what a publishable key may not send; empty when it may send the event."""
    faults = []
    if event.type in SECRET_KEY_TYPES:
        faults.append(FieldError("type", f"{event.type} requires a secret key"))
    if event.price is not None:
        faults.append(FieldError("price", "prices require a secret key"))
    return faults


def refusal(faults: list[FieldError]) -> BadRequest:
    detail = "; ".join(f"{fault.field}: {fault.detail}" for fault in faults)
    return BadRequest(detail, code=BAD_EVENT, errors=faults)


def _missing(values: Mapping[str, Any]) -> list[FieldError]:
    needed = [name for name, field in FIELDS.items() if field.is_required]
    if "type" in values:
        needed += _needed_ids(values)
    return [
        FieldError(name, f"missing; must be {FIELDS[name].rule}")
        for name in needed
        if name not in values
    ]


def _needed_ids(values: Mapping[str, Any]) -> list[str]:
    """Return the fields that an event of its type requires."""
    match values["type"]:
        case EventType.REFUND:
            return ["order_id"]
        case EventType.OFFER_REDEMPTION_CANCELLED:
            return _needed_of_cancellation(values)
        case type_:
            return ["offer_id" if type_ in OFFER_TYPES else "item_id"]


def _needed_of_cancellation(values: Mapping[str, Any]) -> list[str]:
    """Return the fields that name the redemption: the claim, or the customer and the offer."""
    if "claim_id" in values:
        return []
    names = ["customer_id", "offer_id"]
    return names if any(name in values for name in names) else ["claim_id"]


def _refund_faults(values: Mapping[str, Any]) -> list[FieldError]:
    """Refuse a refund of a part of an order that does not name the item."""
    if values.get("type") is not EventType.REFUND or "item_id" in values:
        return []
    part = [name for name in ("line_id", "quantity") if name in values]
    if not part:
        return []
    detail = f"missing; a refund with {' and '.join(part)} must name the item; without them "
    return [FieldError("item_id", f"{detail}and without item_id it is of the whole order")]


def _time_faults(at_us: int | None, now_us: int) -> list[FieldError]:
    if at_us is None or at_us <= now_us + LEEWAY_SECONDS * 1_000_000:
        return []
    detail = f"{shortened_json(rfc3339(at_us))} is more than {LEEWAY_SECONDS} s in the future"
    return [FieldError("timestamp", detail)]


def _text(value: Any, max_bytes: int = MAX_TEXT_BYTES) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= max_bytes:
        raise InvalidValue
    if _FORBIDDEN.search(value):
        raise InvalidValue
    if not value.isascii() and len(value.encode()) > max_bytes:
        raise InvalidValue
    return value


def _decision(value: Any) -> str:
    return _text(value, MAX_DECISION_ID_LENGTH)


def _id(value: Any) -> str:
    if not isinstance(value, str) or id_fault(value) is not None:
        raise InvalidValue
    return value


def _label(value: Any) -> str:
    if not isinstance(value, str) or label_fault(value) is not None:
        raise InvalidValue
    return value


def _type(value: Any) -> EventType:
    found = _TYPES.get(value) if isinstance(value, str) else None
    if found is None:
        raise InvalidValue
    return found


def _timestamp(value: Any) -> int:
    at_us = parse_rfc3339(value) if isinstance(value, str) else None
    if at_us is None:
        raise InvalidValue
    return at_us


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidValue
    return float(value)


def _quantity(value: Any) -> float:
    number = _number(value)
    if not 0 < number <= MAX_QUANTITY:
        raise InvalidValue
    return number


def _price(value: Any) -> float:
    number = _number(value)
    if not 0 <= number <= MAX_PRICE:
        raise InvalidValue
    return number


_TYPES = {str(each): each for each in EventType}
_TEXT_SCHEMA = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_BYTES)]
_DECISION_SCHEMA = Annotated[str, Meta(min_length=1, max_length=MAX_DECISION_ID_LENGTH)]
_TYPE_SCHEMA: Any = Literal[tuple(map(str, EventType))]
_TIME_SCHEMA = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
_QUANTITY_SCHEMA = Annotated[float, Meta(gt=0, le=MAX_QUANTITY)]
_PRICE_SCHEMA = Annotated[float, Meta(ge=0, le=MAX_PRICE)]

_ID_RULE = f"an id of {ID_RULE}"
_TEXT_RULE = f"a text of 1 to {MAX_TEXT_BYTES} bytes without control characters"
_DECISION_RULE = f"a text of 1 to {MAX_DECISION_ID_LENGTH} bytes without control characters"
_TYPE_RULE = f"one of {', '.join(EventType)}"
_QUANTITY_RULE = f"a number above 0, at most {MAX_QUANTITY:.0f}"
_PRICE_RULE = f"a number from 0 to {MAX_PRICE:.0f}"

FIELDS: Mapping[str, EventField] = {
    "message_id": EventField("message_id", _TEXT_RULE, _text, _TEXT_SCHEMA, is_required=True),
    "type": EventField("type", _TYPE_RULE, _type, _TYPE_SCHEMA, is_required=True),
    "timestamp": EventField("timestamp_us", RFC3339_RULE, _timestamp, _TIME_SCHEMA),
    "customer_id": EventField("customer_id", _ID_RULE, _id, IdText),
    "session_id": EventField("session_id", _TEXT_RULE, _text, _TEXT_SCHEMA),
    "item_id": EventField("item_id", _ID_RULE, _id, IdText),
    "offer_id": EventField("offer_id", _ID_RULE, _id, IdText),
    "quantity": EventField("quantity", _QUANTITY_RULE, _quantity, _QUANTITY_SCHEMA),
    "price": EventField("price", _PRICE_RULE, _price, _PRICE_SCHEMA),
    "order_id": EventField("order_id", _TEXT_RULE, _text, _TEXT_SCHEMA),
    "line_id": EventField("line_id", _TEXT_RULE, _text, _TEXT_SCHEMA),
    "recommendation_id": EventField("recommendation_id", _TEXT_RULE, _text, _TEXT_SCHEMA),
    "decision_id": EventField("decision_id", _DECISION_RULE, _decision, _DECISION_SCHEMA),
    "claim_id": EventField("claim_id", _TEXT_RULE, _text, _TEXT_SCHEMA),
    "delivery_id": EventField("delivery_id", _DECISION_RULE, _decision, _DECISION_SCHEMA),
    "channel": EventField("channel", f"a text of {LABEL_RULE}", _label, _TEXT_SCHEMA),
}
