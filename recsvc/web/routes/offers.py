"""Offers over HTTP: one at a time, many as lines, or listed page by page."""

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
from recsvc.web.http.problems import FieldProblem
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

WRITTEN, REFUSED = 201, 422
MAX_BYTES = 2 * 1024 * 1024
OFFER_BODY = BodyKind(JSON_TYPE, MAX_BYTES)
OFFER_LINES = BodyKind(NDJSON_TYPE, MAX_BYTES)
MOST_ITEMS = 100_000  # that the offers of one page name together
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
    page = call.services.offers.page(context, after, limit, MOST_ITEMS)
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
    """Read an offer; what only we say of it is passed over, so that an answer can be put back."""
    said = {name: value for name, value in given.items() if name != READ_ONLY}
    offer = offer_fields.read_offer(offer_id, said)
    return NewOffer(offer, None if said.get("codes") is None else offer.codes)


def read_line(line: bytes) -> NewOffer:
    """Read an offer with its id; raise BadRequest naming what is wrong with it."""
    given = convert(parse_json(line), dict[str, Any])
    return new_offer(OfferId(pop_id(given, "offer_id")), given)


def view_of(stored: StoredOffer, warnings: Warnings = []) -> msgspec.Struct:  # noqa: B006 - never changed
    """Return an offer as it is sent: what says nothing is left out."""
    state = stored.state
    counts = OfferCounts(
        state.revision,
        state.shown,
        state.accepted,
        state.taken,
        state.redeemed,
        state.codes_left if state.has_codes else None,
    )
    said = _without_empty(offer_fields.offer_as_sent(stored.offer) | {"codes_total": None})
    said |= {"state": counts, "warnings": _problems(warnings)}
    return msgspec.convert(said, OfferView, strict=True)


def _without_empty(said: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in said.items():
        kept = _without_empty(value) if isinstance(value, dict) else value
        if kept is not None and kept != {}:
            found[name] = kept
    return found


def _problems(faults: Warnings) -> list[FieldProblem]:
    return [FieldProblem(fault.field, fault.detail) for fault in faults]


def _written(warnings: Warnings) -> OfferResult:
    return OfferResult(WRITTEN, warnings=_problems(warnings))


def _read_result(line: bytes) -> NewOffer | OfferResult:
    """Read a line; what is wrong with it is its result and no other's."""
    try:
        return read_line(line)
    except BadRequest as fault:  # not kept itself: it holds on to the frames that it came through
        return OfferResult(REFUSED, fault.code, _problems(list(fault.errors)))


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
            meaning="Where to go on",
            rule="the next_cursor of a page",
            read=_read_cursor,
            default=None,
            schema={"type": "string"},
        ),
        Parameter(
            name="limit",
            meaning="How many offers to answer at most",
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
IN_FORCE = "The change is in force for every request that starts after the answer, on any worker."
POOL = (
    "`codes` is the pool of single-use codes; without it the pool stays as it is. A code that "
    "somebody has is handed out to nobody else, whatever is put. No answer tells a code but that "
    "of the claim."
)
WARNED = "Items, categories and brands that nobody knows are taken, and named in `warnings`."

ROUTES = (
    Route(
        "PUT",
        PATH,
        put_offer,
        "Put an offer in place of what was known of it; what was counted stays",
        OFFERS,
        OfferView,
        body=OfferBody,
        body_kind=OFFER_BODY,
        remark=f"{IN_FORCE} {POOL} {WARNED}",
        name="put_offer",
        tag="offers",
    ),
    Route(
        "GET",
        PATH,
        get_offer,
        "Show an offer and what was counted of it",
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
        "Have an offer shown and claimed no more; its codes and counts are forgotten",
        OFFERS,
        DeletedOffer,
        remark=IN_FORCE,
        name="delete_offer",
        tag="offers",
    ),
    Route(
        "GET",
        "/v1/offers",
        list_offers,
        "List the offers by id, page by page",
        OFFERS,
        OfferPage,
        query=LISTED,
        remark="A page may hold fewer than `limit`; `next_cursor` says whether more follow.",
        name="list_offers",
        tag="offers",
    ),
    Route(
        "POST",
        "/v1/offers",
        post_offers,
        "Put many offers, one per line",
        OFFERS,
        OfferResults,
        body=OfferLine,
        body_kind=OFFER_LINES,
        remark=f"Lines that can be read are written, the others are told. {WARNED} A call that is "
        "answered with 503 may have been taken in in part; send it again.",
        name="post_offers",
        tag="offers",
    ),
)
