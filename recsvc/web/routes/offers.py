"""Routes that write, read, list and delete offers."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import msgspec
from flask import Response

from recsvc.domain.api_keys import Scope
from recsvc.domain.errors import BadRequest
from recsvc.domain.offers import offer_validation as offer_fields
from recsvc.domain.offers.stored_offer import NewOffer, StoredOffer
from recsvc.domain.values.ids import OfferId, id_fault, pop_id
from recsvc.usecases.access.request_access import RouteAccess
from recsvc.usecases.offers.offers import Warnings
from recsvc.web.http.bodies import JSON_TYPE, NDJSON_TYPE, BodyKind, convert, parse_json
from recsvc.web.http.parameters import Misread, Parameter, QueryShape
from recsvc.web.http.problems import field_problems
from recsvc.web.http.rendering import private_json
from recsvc.web.http.route import Call, Route
from recsvc.web.routes.offer_schemas import (
    DeletedOffer,
    OfferBody,
    OfferCounts,
    OfferLine,
    OfferPage,
    OfferResult,
    OfferResults,
    OfferView,
)

CREATED, INVALID = 201, 422
MAX_BYTES = 2 * 1024 * 1024
OFFER_BODY = BodyKind(JSON_TYPE, MAX_BYTES)
OFFER_LINES = BodyKind(NDJSON_TYPE, MAX_BYTES, JSON_TYPE)
MAX_ITEMS_PER_PAGE = 100_000  # in the lists of all offers of one page
DEFAULT_LIMIT, MAX_LIMIT = 20, 100
READ_ONLY = "state"


def put_offer(call: Call, offer_id: str) -> Response:
    context, offer = call.authorize_request(), call.offer(offer_id)
    new = new_offer(offer, call.read_body(dict[str, Any], OFFER_BODY))
    stored, warnings = call.services.offers.put(context, new)
    return private_json(view_of(stored, warnings))


def get_offer(call: Call, offer_id: str) -> Response:
    context, offer = call.authorize_request(), call.offer(offer_id)
    return private_json(view_of(call.services.offers.get(context, offer)))


def delete_offer(call: Call, offer_id: str) -> Response:
    context, offer = call.authorize_request(), call.offer(offer_id)
    call.services.offers.delete(context, offer)
    return private_json(DeletedOffer(offer))


def list_offers(call: Call) -> Response:
    context = call.authorize_request()
    after, limit = LISTED.read(call.query)
    page = call.services.offers.page(context, after, limit, MAX_ITEMS_PER_PAGE)
    cursor = None if page.last is None else urlsafe_b64encode(page.last.encode()).decode()
    return private_json(OfferPage([view_of(each) for each in page.offers], cursor))


def post_offers(call: Call) -> Response:
    context = call.authorize_request()
    read = [_read_result(line) for line in call.read_lines(OFFER_LINES)]
    new = [each for each in read if isinstance(each, NewOffer)]
    warnings = iter(call.services.offers.put_many(context, new))
    return private_json(
        OfferResults(
            [_written(next(warnings)) if isinstance(each, NewOffer) else each for each in read]
        )
    )


def new_offer(offer_id: OfferId, given: dict[str, Any]) -> NewOffer:
    """Read an offer. The read-only `state` is ignored, so that an answer can be sent back."""
    sent = {name: value for name, value in given.items() if name != READ_ONLY}
    offer = offer_fields.read_offer(offer_id, sent)
    return NewOffer(offer, None if sent.get("codes") is None else offer.codes)


def read_line(line: bytes) -> NewOffer:
    """Read an offer with its id; raise BadRequest naming its faults."""
    given = convert(parse_json(line), dict[str, Any])
    return new_offer(OfferId(pop_id(given, "offer_id")), given)


def view_of(stored: StoredOffer, warnings: Warnings = []) -> msgspec.Struct:  # noqa: B006 - never changed
    """Return the view of an offer, without empty fields."""
    state = stored.state
    counts = OfferCounts(
        state.revision,
        state.shown,
        state.accepted,
        state.taken,
        state.redeemed,
        state.codes_left if state.has_codes else None,
    )
    sent = _without_empty(offer_fields.offer_as_sent(stored.offer) | {"codes_total": None})
    sent |= {"state": counts, "warnings": field_problems(warnings)}
    return msgspec.convert(sent, OfferView, strict=True)


def _without_empty(sent: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in sent.items():
        filled = _without_empty(value) if isinstance(value, dict) else value
        if filled is not None and filled != {}:
            found[name] = filled
    return found


def _written(warnings: Warnings) -> OfferResult:
    return OfferResult(CREATED, warnings=field_problems(warnings))


def _read_result(line: bytes) -> NewOffer | OfferResult:
    """Read a line; an invalid one has its faults as its result."""
    try:
        return read_line(line)
    except BadRequest as fault:  # copied: the exception would keep its frames alive
        return OfferResult(INVALID, fault.code, field_problems(fault.errors))


def _read_cursor(text: str) -> OfferId:
    try:
        offer_id = urlsafe_b64decode(text.encode()).decode()
    except ValueError:
        raise Misread from None
    if id_fault(offer_id) is not None:
        raise Misread
    return OfferId(offer_id)


def _read_limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_LIMIT):
        raise Misread
    return int(text)


def _page_query(cursor: OfferId | None, limit: int) -> tuple[OfferId | None, int]:
    return cursor, limit


LISTED = QueryShape(
    (
        Parameter(
            name="cursor",
            meaning="Position of the page",
            rule="the next_cursor of a page",
            read=_read_cursor,
            default=None,
            schema={"type": "string"},
        ),
        Parameter(
            name="limit",
            meaning="Maximum number of offers",
            rule=f"a whole number from 1 to {MAX_LIMIT}, in digits",
            read=_read_limit,
            default=DEFAULT_LIMIT,
            schema={
                "type": "integer",
                "minimum": 1,
                "maximum": MAX_LIMIT,
                "default": DEFAULT_LIMIT,
            },
        ),
    ),
    _page_query,
)
OFFERS = RouteAccess(Scope.OFFERS)
PATH = "/v1/offers/<id:offer_id>"
EFFECTIVE = "The change applies to every request that starts after the answer, on any worker."
POOL = (
    "`codes` replaces the pool of single-use codes; without it the pool is unchanged. An assigned "
    "code is never assigned again, even if a later write contains it. Only the answer to a claim "
    "contains a code."
)
WARNED = "Unknown items, categories and brands are accepted and listed in `warnings`."

ROUTES = (
    Route(
        "PUT",
        PATH,
        put_offer,
        "Create or replace an offer; its counters are kept",
        OFFERS,
        OfferView,
        body=OfferBody,
        body_kind=OFFER_BODY,
        remark=f"{EFFECTIVE} {POOL} {WARNED}",
        name="put_offer",
        tag="offers",
    ),
    Route(
        "GET",
        PATH,
        get_offer,
        "Get an offer and its counters",
        OFFERS,
        OfferView,
        also=(404,),
        name="get_offer",
        tag="offers",
    ),
    Route(
        "DELETE",
        PATH,
        delete_offer,
        "Delete an offer, its codes and counters",
        OFFERS,
        DeletedOffer,
        remark=EFFECTIVE,
        name="delete_offer",
        tag="offers",
    ),
    Route(
        "GET",
        "/v1/offers",
        list_offers,
        "List the offers by id, in pages",
        OFFERS,
        OfferPage,
        query=LISTED,
        remark="A page may contain fewer than `limit` offers; the last has no `next_cursor`.",
        name="list_offers",
        tag="offers",
    ),
    Route(
        "POST",
        "/v1/offers",
        post_offers,
        "Create or replace many offers, one per line",
        OFFERS,
        OfferResults,
        body=OfferLine,
        body_kind=OFFER_LINES,
        remark=f"Valid lines are written, invalid ones are reported. {WARNED} A request with "
        "status 503 may have been applied in part; send it again.",
        name="post_offers",
        tag="offers",
    ),
)
