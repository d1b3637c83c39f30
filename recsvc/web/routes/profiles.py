"""Routes of customer profiles: replace, change and read one; replace many as NDJSON."""

from typing import Annotated, Any

import msgspec
from flask import Response
from msgspec import UNSET, Meta, UnsetType

from recsvc.domain.api_keys import Scope
from recsvc.domain.consent.consent import Flag
from recsvc.domain.customers.profile import (
    MAX_SEGMENTS,
    FlaggedProfile,
    ProfileChange,
    read_change,
)
from recsvc.domain.errors import BadRequest, RecsvcError
from recsvc.domain.values import attributes
from recsvc.domain.values.ids import CustomerId, IdText, pop_id
from recsvc.usecases.access.request_access import RequestContext, RouteAccess
from recsvc.usecases.customers.profiles import FLAG_SCOPE, may_read
from recsvc.web.http.bodies import NDJSON_BODY, convert, parse_json
from recsvc.web.http.problems import field_problems
from recsvc.web.http.rendering import private_json
from recsvc.web.http.route import Call, Route
from recsvc.web.routes.items import REFUSED, WRITTEN, LineResult, LineResults

Name = Annotated[str, Meta(min_length=1, max_length=attributes.MAX_NAME_LENGTH)]
Text = Annotated[str, Meta(max_length=attributes.MAX_TEXT_LENGTH)]
Number = Annotated[float, Meta(ge=-attributes.MAX_NUMBER, le=attributes.MAX_NUMBER)]
Label = Annotated[str, Meta(min_length=1, max_length=128)]
Attributes = Annotated[
    dict[Name, Text | Number | bool | None], Meta(max_length=attributes.MAX_ATTRIBUTES)
]
Segments = Annotated[list[Label], Meta(max_length=MAX_SEGMENTS)]
Month = Annotated[int, Meta(ge=1, le=12)]
Date = Annotated[str, Meta(extra_json_schema={"format": "date"})]


class ProfileBody(msgspec.Struct, forbid_unknown_fields=True):
    """A customer profile. An attribute with the value null is removed.

    A flag (`minor`, `restricted`, `objects_to_marketing`) that is absent keeps its value and is
    never null. PUT empties every other absent field, PATCH keeps it; null empties it as well.
    """

    # Only for the OpenAPI document: `domain.customers.profile` reads profiles.
    attributes: Attributes | UnsetType = UNSET
    segments: Segments | UnsetType | None = UNSET
    birth_month: Month | UnsetType | None = UNSET
    customer_since: Date | UnsetType | None = UNSET
    minor: bool | UnsetType = UNSET
    restricted: bool | UnsetType = UNSET
    objects_to_marketing: bool | UnsetType = UNSET


class CustomerLine(ProfileBody, forbid_unknown_fields=True, kw_only=True):
    """One line: a customer and the profile."""

    customer_id: IdText


class ProfileView(msgspec.Struct, frozen=True):
    """The profile of a customer; empty for an unknown customer."""

    attributes: dict[str, Any]
    segments: list[str]
    birth_month: int | None
    customer_since: str | None
    minor: bool
    restricted: bool
    objects_to_marketing: bool


class WrittenView(msgspec.Struct, frozen=True):
    """The profile after the change; empty for a key without the scope `consent`."""

    attributes: dict[str, Any] | UnsetType = UNSET
    segments: list[str] | UnsetType = UNSET
    birth_month: int | UnsetType | None = UNSET
    customer_since: str | UnsetType | None = UNSET
    minor: bool | UnsetType = UNSET
    restricted: bool | UnsetType = UNSET
    objects_to_marketing: bool | UnsetType = UNSET


def put_profile(call: Call, customer_id: str) -> Response:
    context = call.authorize_for_customer(customer_id)
    change = read_change(call.read_body(dict[str, Any]))
    return _written(context, call.services.profiles.put(context, change))


def patch_profile(call: Call, customer_id: str) -> Response:
    context = call.authorize_for_customer(customer_id)
    change = read_change(call.read_body(dict[str, Any]))
    return _written(context, call.services.profiles.patch(context, change))


def _written(context: RequestContext, found: FlaggedProfile) -> Response:
    return private_json(view_of(found) if may_read(context) else WrittenView())


def get_profile(call: Call, customer_id: str) -> Response:
    context = call.authorize_for_customer(customer_id)
    return private_json(view_of(call.services.profiles.get(context)))


def post_customers(call: Call) -> Response:
    context = call.authorize_request()
    read = [_line(line) for line in call.read_lines()]
    readable = [each for each in read if isinstance(each, tuple)]
    refusals = iter(call.services.profiles.put_many(context, readable))
    results = [_result(next(refusals) if isinstance(each, tuple) else each) for each in read]
    return private_json(LineResults(results))


def _line(line: bytes) -> tuple[CustomerId, ProfileChange] | BadRequest:
    """Read a line; a fault becomes its result."""
    try:
        given = convert(parse_json(line), dict[str, Any])
        return CustomerId(pop_id(given, "customer_id")), read_change(given)
    except BadRequest as fault:
        return fault


def _result(refusal: RecsvcError | None) -> LineResult:
    if refusal is None:
        return LineResult(WRITTEN)
    status = REFUSED if isinstance(refusal, BadRequest) else refusal.status
    return LineResult(status, refusal.code, field_problems(refusal.errors))


def view_of(found: FlaggedProfile) -> ProfileView:
    profile = found.profile
    return ProfileView(
        dict(profile.attributes),
        list(profile.segments),
        profile.birth_month,
        profile.customer_since,
        **{str(flag): flag in found.flags for flag in Flag},
    )


WRITING = RouteAccess(Scope.EVENTS, extra_scope=FLAG_SCOPE)
READING = RouteAccess(FLAG_SCOPE)
PATH = "/v1/customers/<id:customer_id>/profile"
FLAG_EFFECT = (
    "Customers with `minor` or `restricted` get anonymous answers from the next request on, "
    "whatever they have granted."
)
FLAG_RULE = (
    f"Naming a flag requires the scope `{FLAG_SCOPE}`; without it the answer is 403 "
    "`missing_scope` and nothing is written."
)

ROUTES = (
    Route(
        "PUT",
        PATH,
        put_profile,
        "Replace a customer's profile",
        WRITING,
        WrittenView,
        body=ProfileBody,
        also=(409,),
        remark=f"{FLAG_RULE} {FLAG_EFFECT} Flags that are not named keep their value.",
        name="put_profile",
        tag="profiles",
    ),
    Route(
        "PATCH",
        PATH,
        patch_profile,
        "Change parts of a customer's profile",
        WRITING,
        WrittenView,
        body=ProfileBody,
        also=(409,),
        bypasses_limits=True,  # an objection or restriction is as urgent as a withdrawal
        remark=f"{FLAG_RULE} {FLAG_EFFECT} Fields and attributes that are not named keep their "
        "value; null clears one (flags and `attributes` themselves are never null).",
        name="patch_profile",
        tag="profiles",
    ),
    Route(
        "GET",
        PATH,
        get_profile,
        "Show a customer's profile",
        READING,
        ProfileView,
        name="get_profile",
        tag="profiles",
    ),
    Route(
        "POST",
        "/v1/customers",
        post_customers,
        "Replace the profiles of many customers, one per line",
        WRITING,
        LineResults,
        body=CustomerLine,
        body_kind=NDJSON_BODY,
        remark=f"{FLAG_RULE} Valid lines are written; each other line gets its errors. A call "
        "that is answered with 503 may be partly applied; send it again.",
        name="post_customers",
        tag="profiles",
    ),
)
