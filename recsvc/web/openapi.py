"""The OpenAPI document, generated from the routes and the structs."""

import re
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import msgspec
from flask import Response

from recsvc.domain.values.ids import id_rule, id_schema
from recsvc.usecases.access.request_access import BrowserAccess, RouteAccess
from recsvc.web.http.bodies import MAX_LINES, NDJSON_TYPE
from recsvc.web.http.conditional_responses import Constant
from recsvc.web.http.parameters import Parameter
from recsvc.web.http.paths import most_bytes
from recsvc.web.http.problems import PROBLEM, Problem
from recsvc.web.http.rendering import JSON
from recsvc.web.http.route import Call, Route

REFERENCES = "#/components/schemas/{name}"
DESCRIPTION = (
    "Recommendations and offers; consent is checked first. "
    "Keys are sent as `Authorization: Bearer <key>`; "
    "a publishable key acts for one customer with that customer's `X-Customer-Token`. "
    "`Sec-GPC: 1` makes the answer anonymous, unless the setting RECSVC_GPC limits its effect. "
    "Every answer carries `X-Request-Id`. "
    "Each body says its maximum size; NDJSON has at most "
    f"{MAX_LINES} lines. Errors are RFC 9457 problem documents."
)
SECURITY_SCHEMES = {
    "secret_key": {"type": "http", "scheme": "bearer", "description": "A secret key, `sk_…`"},
    "publishable_key": {
        "type": "http",
        "scheme": "bearer",
        "description": "A publishable key, `pk_…`",
    },
    "customer_token": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Customer-Token",
        "description": "JWT, HS256 with the publishable key's signing secret; `kid` is the key's "
        "id or its text, `sub` the customer, and `exp` at most 15 minutes after `iat`",
    },
}
REFUSALS = {
    400: "A parameter, an id or the body is not valid",
    401: "The key or token is missing or not valid",
    403: "The key lacks the scope, or the token is for another customer",
    404: "The named resource does not exist",
    409: "The current state of the resource does not allow the request",
    411: "A body of lines needs a Content-Length",
    413: "The body is too large",
    414: "Path and query are longer than 16 KiB",
    415: "The body is not plain JSON",
    422: "The Idempotency-Key was used with another request before",
    429: "The worker is at its concurrency limit, or a rate limit is exceeded",
    503: "The store did not answer in time",
}
UNCHANGED, UNCHANGED_IS = 304, "The client's copy, named by If-None-Match, is current"

_PATH_VARIABLE = re.compile(r"<id:(\w+)>")


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the routes."""
    listed = list(routes)
    structs = {part for route in listed for part in (route.answer, route.body) if part}
    _, schemas = msgspec.json.schema_components(
        [*_sorted(structs), Problem], ref_template=REFERENCES
    )
    paths: dict[str, dict[str, Any]] = {}
    for route in listed:
        path = _PATH_VARIABLE.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "recsvc", "version": version("recsvc"), "description": DESCRIPTION},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": SECURITY_SCHEMES},
    }


def route_of(routes: Iterable[Route]) -> Route:
    """Return the route that serves the document of `routes` and of itself."""

    def openapi(call: Call) -> Response:
        return constant.answer(call.request)

    own = Route(
        "GET",
        "/openapi.json",
        openapi,
        "This document",
        None,
        query=None,
        also=(UNCHANGED,),
        name="openapi",
        tag="openapi",
    )
    headers = {"Content-Type": JSON, "Cache-Control": "no-cache"}
    constant = Constant(msgspec.json.encode(document([*routes, own])), headers)
    return own


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.tag],
        "security": _security(route),
        "responses": _responses(route),
    }
    parameters = [*_path_parameters(route), *_query_parameters(route)]
    if parameters:
        operation["parameters"] = parameters
    if route.access is not None:
        operation["description"] = f"{_scopes(route.access)} {route.remark}".strip()
    if route.body is not None:
        content = _body_content(route, route.body)
        operation["requestBody"] = {
            "description": f"At most {route.body_kind.most_bytes} bytes.",
            "required": not route.body_is_optional,
            "content": content,
        }
    return operation


def _scopes(access: RouteAccess) -> str:
    if access.extra_scope is None:
        return f"Secret keys need the scope `{access.scope}`."
    also = f"and also `{access.extra_scope}` for some members"
    return f"Secret keys need the scope `{access.scope}`, {also}."


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": id_rule(most_bytes(name)),
            "schema": dict(id_schema(most_bytes(name))),
        }
        for name in _PATH_VARIABLE.findall(route.path)
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    return [_query_parameter(p) for p in route.query.parameters] if route.query else []


def _query_parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "query",
        "required": False,
        "description": f"{parameter.meaning}: {parameter.rule}",
        "schema": _query_schema(parameter),
    }


def _query_schema(parameter: Parameter) -> dict[str, Any]:
    if parameter.most == 1:
        return dict(parameter.schema)
    return {"type": "array", "items": dict(parameter.schema), "maxItems": parameter.most}


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.access is None:
        return []
    ways: list[dict[str, list[str]]] = [{"secret_key": []}]
    if route.access.browser is BrowserAccess.ANONYMOUS:
        ways.append({"publishable_key": []})
    if route.access.browser is BrowserAccess.ANYBODY_OR_OWN:
        ways += [{"publishable_key": []}, {"publishable_key": [], "customer_token": []}]
    if route.access.browser in (BrowserAccess.OWN_CUSTOMER, BrowserAccess.WITH_TOKEN):
        ways.append({"publishable_key": [], "customer_token": []})
    return [{}, *ways] if route.key_is_optional else ways


def _responses(route: Route) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "The answer"}
    if route.answer is not None:
        answer["content"] = _content(route.answer)
    else:
        answer["content"] = {route.media_type: {}}
    refusals = {str(status): _refusal(REFUSALS[status]) for status in _statuses(route)}
    unchanged = {str(UNCHANGED): {"description": UNCHANGED_IS}} if UNCHANGED in route.also else {}
    return {str(route.status): answer, **unchanged, **refusals}


def _statuses(route: Route) -> list[int]:
    statuses = [400] if route.query is not None else []
    if route.access is not None:
        statuses += [401, 403, 429, 503]
        statuses += [414]
    if route.body is not None:
        statuses += [413, 415]
        if route.body_kind.media_type == NDJSON_TYPE:
            statuses += [411]
    if not route.bypasses_limits:
        statuses += [429]
    return sorted({*statuses, *route.also} - {UNCHANGED})


def _refusal(description: str) -> dict[str, Any]:
    schema = {"$ref": REFERENCES.format(name=Problem.__name__)}
    return {"description": description, "content": {PROBLEM: {"schema": schema}}}


def _body_content(route: Route, body: type) -> dict[str, Any]:
    (media,) = _content(body).values()
    return {route.body_kind.media_type: media}


def _content(struct: type) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": REFERENCES.format(name=struct.__name__)}}}


def _sorted(structs: set[type]) -> list[type]:
    return sorted(structs, key=lambda struct: struct.__name__)
