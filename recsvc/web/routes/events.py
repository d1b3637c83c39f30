"""POST /v1/events: a batch of events, with one result per event."""

from collections.abc import Collection, Iterator, Sequence
from typing import Annotated, Any

import msgspec
from flask import Response
from msgspec import Meta

from recsvc.domain.api_keys import Scope
from recsvc.domain.errors import Conflict, Forbidden
from recsvc.domain.events import FIELDS, OFFER_TYPES, EventType, Outcome
from recsvc.domain.values.ids import CustomerId, id_fault
from recsvc.usecases.access.request_access import BrowserAccess, RouteAccess
from recsvc.usecases.events import ProcessedEvent
from recsvc.web.http import metrics
from recsvc.web.http.bodies import JSON_TYPE, BodyKind
from recsvc.web.http.problems import FieldProblem, field_problems
from recsvc.web.http.rendering import private_json
from recsvc.web.http.route import Call, Route

MAX_EVENTS = 500
EVENTS_BODY = BodyKind(JSON_TYPE, 1024 * 1024)

_UNREADABLE, _FORBIDDEN, _CONFLICTING = 422, 403, 409

# For the OpenAPI document only: `read_event` reads events, so that it can name each fault.
EventBody = msgspec.defstruct(
    "EventBody",
    [
        (name, field.schema) if field.is_required else (name, field.schema | None, None)
        for name, field in FIELDS.items()
    ],
    namespace={
        "__doc__": "One event. `offer_redemption_cancelled` requires `claim_id`, or `customer_id` "
        "and `offer_id`; the other `offer_…` types `offer_id`, `refund` `order_id`, all others "
        "`item_id`."
    },
    module=__name__,
    forbid_unknown_fields=True,
)


class EventsBody(msgspec.Struct, forbid_unknown_fields=True):
    events: Annotated[
        list[EventBody],  # type: ignore[valid-type] # made from FIELDS, not by a class statement
        Meta(max_length=MAX_EVENTS),
    ]


class SentEvents(msgspec.Struct, forbid_unknown_fields=True):
    """The batch before its events are read."""

    events: Annotated[list[Any], Meta(max_length=MAX_EVENTS)]


class EventResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of one event.

    201: stored. 200 with `duplicate`: stored before. 409: another event has this `message_id`, or
    the claim to be redeemed or cancelled does not exist, has ended and nothing is left of the
    offer, or was cancelled (the event is stored).
    403: this API key may not send the event. 422: the event is invalid, as `errors` explain.
    """

    status: int
    duplicate: bool = False
    code: str | None = None
    errors: list[FieldProblem] = []


class EventResults(msgspec.Struct, frozen=True):
    """One result per event, in the order of the events."""

    results: list[EventResult]


def post_events(call: Call) -> Response:
    context = call.authorize_request()
    sent = call.read_body(SentEvents, EVENTS_BODY).events
    call.authorize_customers(context, named_customers(sent))
    processed = call.services.events.ingest(context, sent, denied=_denied_types(call))
    return private_json(EventResults([_result(each) for each in processed]))


def _denied_types(call: Call) -> Collection[EventType]:
    """Return the types that this request permits to count but not to store for a customer."""
    if call.denies_personal_use:
        return frozenset(EventType)
    return OFFER_TYPES if call.denies_offers else frozenset()


def named_customers(sent: Sequence[Any]) -> Iterator[CustomerId]:
    """Yield the customers that the events name, invalid events included."""
    for each in sent:
        named = each.get("customer_id") if isinstance(each, dict) else None
        if isinstance(named, str) and id_fault(named) is None:
            yield CustomerId(named)


def _result(processed: ProcessedEvent) -> EventResult:
    result = processed.result
    if isinstance(result, Outcome):
        metrics.count_event(processed.type, result.name.lower())
        return _RESULTS[result]
    if isinstance(result, Conflict):
        metrics.count_event(processed.type, "conflict")
        return EventResult(_CONFLICTING, code=result.code)
    is_forbidden = isinstance(result, Forbidden)
    metrics.count_event(processed.type, "forbidden" if is_forbidden else "unreadable")
    status = _FORBIDDEN if is_forbidden else _UNREADABLE
    return EventResult(status, code=result.code, errors=field_problems(result.errors))


_RESULTS = {
    Outcome.NEW: EventResult(201),
    Outcome.DUPLICATE: EventResult(200, duplicate=True),
    Outcome.REUSED: EventResult(409, code="message_id_reused"),
}

ROUTES = (
    Route(
        "POST",
        "/v1/events",
        post_events,
        "Send events: views, carts, purchases, impressions and outcomes of offers",
        RouteAccess(Scope.EVENTS, BrowserAccess.ANYBODY_OR_OWN),
        EventResults,
        body=EventsBody,
        body_kind=EVENTS_BODY,
        remark="A `message_id` counts once within 7 days. After a 503 some of the events may be "
        "stored: send the whole call again. Publishable keys cannot send `purchase`, "
        "`refund`, `offer_redeemed`, `offer_redemption_cancelled` or `price`.",
        name="post_events",
        tag="events",
    ),
)
