"""Events over HTTP: a batch of them, and what became of each."""

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
from recsvc.web.http.problems import FieldProblem
from recsvc.web.http.rendering import private_json
from recsvc.web.http.route import Call, Route

MAX_EVENTS = 500
EVENTS_BODY = BodyKind(JSON_TYPE, 1024 * 1024)

UNREADABLE, FORBIDDEN, CONFLICTING = 422, 403, 409

EventBody = msgspec.defstruct(
    "EventBody",
    [
        (name, field.schema) if field.is_required else (name, field.schema | None, None)
        for name, field in FIELDS.items()
    ],
    namespace={
        "__doc__": "One event. Offer events name an `offer_id`, all others an `item_id`.\n\n"
        "Only for the OpenAPI document: `domain.events` reads events, with better messages."
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
    """The same before its events have been read."""

    events: Annotated[list[Any], Meta(max_length=MAX_EVENTS)]


class EventResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one event.

    201: taken in; 200 with `duplicate`: it was before; 409: its `message_id` is another event's, or
    the claim that it confirms has ended and others have what it held (the event is kept);
    403: this key may not send it; 422: it cannot be read, and `errors` say why.
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
    received = call.services.events.ingest(context, sent, denied=_denied_types(call))
    return private_json(EventResults([_result(each) for each in received]))


def _denied_types(call: Call) -> Collection[EventType]:
    """Return the types of which this request lets no more than counts be kept."""
    if call.denies_personal_use:
        return frozenset(EventType)
    return OFFER_TYPES if call.denies_offers else frozenset()


def named_customers(sent: Sequence[Any]) -> Iterator[CustomerId]:
    """Yield whom the events are about, also those events that are refused for something else."""
    for each in sent:
        named = each.get("customer_id") if isinstance(each, dict) else None
        if isinstance(named, str) and id_fault(named) is None:
            yield CustomerId(named)


def _result(received: ProcessedEvent) -> EventResult:
    result = received.result
    if isinstance(result, Outcome):
        metrics.count_event(received.type, result.name.lower())
        return _RESULTS[result]
    if isinstance(result, Conflict):
        metrics.count_event(received.type, "conflict")
        return EventResult(CONFLICTING, code=result.code)
    is_forbidden = isinstance(result, Forbidden)
    metrics.count_event(received.type, "forbidden" if is_forbidden else "unreadable")
    errors = [FieldProblem(error.field, error.detail) for error in result.errors]
    status = FORBIDDEN if is_forbidden else UNREADABLE
    return EventResult(status, code=result.code, errors=errors)


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
        "Tell what happened: views, carts, purchases, what became of offers",
        RouteAccess(Scope.EVENTS, BrowserAccess.ANYBODY_OR_OWN),
        EventResults,
        body=EventsBody,
        body_kind=EVENTS_BODY,
        remark="A `message_id` counts once for 7 days. A call that is answered with 503 may have "
        "been taken in in part; send it again. Publishable keys send no `purchase`, no "
        "`offer_redeemed` and no `price`.",
        name="post_events",
        tag="events",
    ),
)
