"""Profiles over HTTP: what a shop tells of one customer, or of many as lines."""

from typing import Annotated, Any

import msgspec
from flask import Response
from msgspec import Meta

from recsvc.domain import profile
from recsvc.domain.api_keys import Scope
from recsvc.domain.consent import Flag
from recsvc.domain.errors import BadRequest, Conflict
from recsvc.domain.ids import CustomerId, checked_id
from recsvc.domain.profile import Change, Told, read_change
from recsvc.usecases.entrance import Access
from recsvc.web.bodies import NDJSON_BODY, convert, parse_json
from recsvc.web.items import REFUSED, WRITTEN, LineResult, LineResults
from recsvc.web.problems import FieldProblem
from recsvc.web.rendering import private_json
from recsvc.web.routes import Call, Route

Name = Annotated[str, Meta(min_length=1, max_length=profile.MAX_NAME_LENGTH)]
Text = Annotated[str, Meta(max_length=profile.MAX_TEXT_LENGTH)]
Number = Annotated[float, Meta(ge=-profile.MAX_NUMBER, le=profile.MAX_NUMBER)]
Label = Annotated[str, Meta(min_length=1, max_length=128)]
Attributes = Annotated[
    dict[Name, Text | Number | bool | None], Meta(max_length=profile.MAX_ATTRIBUTES)
]
Segments = Annotated[list[Label], Meta(max_length=profile.MAX_SEGMENTS)]
Month = Annotated[int, Meta(ge=1, le=12)]
Date = Annotated[str, Meta(extra_json_schema={"format": "date"})]


class ProfileBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a shop tells of a customer. An attribute that is null is there no more.

    For the document: `domain.profile` reads, since it can say what is wrong and what right.
    """

    attributes: Attributes = {}
    segments: Segments | None = None
    birth_month: Month | None = None
    customer_since: Date | None = None
    minor: bool = False
    restricted: bool = False
    objects_to_marketing: bool = False


class CustomerLine(ProfileBody, forbid_unknown_fields=True, kw_only=True):
    """One line: a customer with what is told of them."""

    customer_id: str


class ProfileView(msgspec.Struct, frozen=True):
    """What is known of a customer; of one whom nobody has told us of, nothing."""

    attributes: dict[str, Any]
    segments: list[str]
    birth_month: int | None
    customer_since: str | None
    minor: bool
    restricted: bool
    objects_to_marketing: bool


def put_profile(call: Call, customer_id: str) -> Response:
    visit = call.enter_for(customer_id)
    change = read_change(call.read_body(dict[str, Any]))
    return private_json(view_of(call.services.profiles.put(visit, change)))


def patch_profile(call: Call, customer_id: str) -> Response:
    visit = call.enter_for(customer_id)
    change = read_change(call.read_body(dict[str, Any]))
    return private_json(view_of(call.services.profiles.patch(visit, change)))


def get_profile(call: Call, customer_id: str) -> Response:
    visit = call.enter_for(customer_id)
    return private_json(view_of(call.services.profiles.get(visit)))


def post_customers(call: Call) -> Response:
    visit = call.enter()
    read = [_line(line) for line in call.read_lines()]
    readable = [each for each in read if isinstance(each, tuple)]
    refusals = iter(call.services.profiles.put_many(visit, readable))
    results = [_result(next(refusals) if isinstance(each, tuple) else each) for each in read]
    return private_json(LineResults(results))


def _line(line: bytes) -> tuple[CustomerId, Change] | BadRequest:
    """Read a line; what is wrong with it is its result and no other's."""
    try:
        given = convert(parse_json(line), dict[str, Any])
        customer_id = given.pop("customer_id", "")
        if not isinstance(customer_id, str):
            customer_id = ""
        return CustomerId(checked_id(customer_id, "customer_id")), read_change(given)
    except BadRequest as fault:
        return fault


def _result(refusal: Conflict | BadRequest | None) -> LineResult:
    if refusal is None:
        return LineResult(WRITTEN)
    if isinstance(refusal, Conflict):
        return LineResult(refusal.status, refusal.code)
    errors = [FieldProblem(error.field, error.detail) for error in refusal.errors]
    return LineResult(REFUSED, refusal.code, errors)


def view_of(told: Told) -> ProfileView:
    known = told.profile
    return ProfileView(
        dict(known.attributes),
        list(known.segments),
        known.birth_month,
        known.customer_since,
        **{str(flag): flag in told.flags for flag in Flag},
    )


ACCESS = Access(Scope.EVENTS)
PATH = "/v1/customers/<id:customer_id>/profile"
IN_FORCE = (
    "`minor` and `restricted` customers are answered as anybody from the next request on, whatever "
    "they have granted."
)

ROUTES = (
    Route(
        "PUT",
        PATH,
        put_profile,
        "Put what is known of a customer in place of what was",
        ACCESS,
        ProfileView,
        body=ProfileBody,
        remark=f"{IN_FORCE} Flags that are not named stay.",
    ),
    Route(
        "PATCH",
        PATH,
        patch_profile,
        "Change some of what is known of a customer",
        ACCESS,
        ProfileView,
        body=ProfileBody,
        remark=f"{IN_FORCE} Fields and attributes that are not named stay; null clears one.",
    ),
    Route("GET", PATH, get_profile, "Show what is known of a customer", ACCESS, ProfileView),
    Route(
        "POST",
        "/v1/customers",
        post_customers,
        "Put what is known of many customers, one per line",
        ACCESS,
        LineResults,
        body=CustomerLine,
        body_kind=NDJSON_BODY,
        remark="Lines that can be read are written, the others are told. A call that is answered "
        "with 503 may have been taken in in part; send it again.",
    ),
)
