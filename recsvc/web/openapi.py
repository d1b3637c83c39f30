"""The OpenAPI document, generated from the routes and the structs."""

import re
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import msgspec
from flask import Response

from recsvc.domain.api_keys import Scope
from recsvc.domain.values.ids import id_rule, id_schema
from recsvc.usecases.access.request_access import BrowserAccess, RouteAccess
from recsvc.web.document.contents import REFERENCES, answer_content, body_content, refusal
from recsvc.web.document.headers import (
    ANSWER_HEADERS,
    CUSTOMER_TOKEN,
    IDEMPOTENCY_KEY,
    IF_NONE_MATCH,
    PRIVACY_CONTROL,
    REQUEST_ID,
    Header,
    answer_headers,
)
from recsvc.web.document.schemas import completed, refuse_control_characters
from recsvc.web.document.tags import TAGS, tag_list
from recsvc.web.http.bodies import MAX_LINES, NDJSON_TYPE
from recsvc.web.http.conditional_responses import Constant
from recsvc.web.http.parameters import Parameter
from recsvc.web.http.paths import most_bytes
from recsvc.web.http.problems import Problem
from recsvc.web.http.rendering import JSON
from recsvc.web.http.route import Call, Route

DESCRIPTION = (
    "Recommendations and offers; consent is checked first. "
    "Keys are sent as `Authorization: Bearer <key>`; "
    "a publishable key acts for one customer with that customer's `X-Customer-Token`. "
    "`Sec-GPC: 1` makes the answer anonymous, unless the setting RECSVC_GPC limits its effect. "
    "Every answer carries `X-Request-Id`. "
    "Numbers in parameters have no exponent; whole numbers in bodies have at most 19 digits. "
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
UNCHANGED, UNCHANGED_IS = 304, "The client's copy, named by If-None-Match, is current"

SERVERS = [
    {"url": "/", "description": "The host that serves this document"},
    {"url": "http://127.0.0.1:8000", "description": "A service on this machine"},
]
_SCOPES_OF_ANSWERS = (Scope.RECOMMEND, Scope.OFFERS, Scope.EVENTS)
_PATH_VARIABLE = re.compile(r"<id:(\w+)>")
_REFERRED = re.compile(REFERENCES.format(name=r"(\w+)"))


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the routes."""
    listed = list(routes)
    structs = {part for route in listed for part in (route.answer, route.body) if part}
    _, schemas = msgspec.json.schema_components(
        [*_sorted(structs), Problem], ref_template=REFERENCES
    )
    bodies = _within(schemas, {route.body.__name__ for route in listed if route.body})
    paths: dict[str, dict[str, Any]] = {}
    for route in listed:
        path = _PATH_VARIABLE.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "recsvc",
            "version": version("recsvc"),
            "description": DESCRIPTION,
            "contact": {"name": "The operator of this service"},
            "license": {"name": "Chosen by the operator", "identifier": "LicenseRef-Operator"},
        },
        "servers": SERVERS,
        "tags": tag_list(),
        "paths": paths,
        "components": {
            "schemas": completed(schemas, bodies),
            "headers": ANSWER_HEADERS,
            "securitySchemes": SECURITY_SCHEMES,
        },
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
        "tags": [TAGS[route.tag][0]],
        "security": _security(route),
        "responses": _responses(route),
    }
    operation["parameters"] = [
        *_path_parameters(route),
        *_query_parameters(route),
        *map(dict, _header_parameters(route)),
    ]
    needs = "Open without a key." if route.access is None else _scopes(route.access)
    operation["description"] = f"{needs} {route.remark}".strip()
    if route.body is not None:
        content = body_content(route, route.body)
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


def _header_parameters(route: Route) -> list[Header]:
    access, found = route.access, [REQUEST_ID]
    if UNCHANGED in route.also:
        found.append(IF_NONE_MATCH)
    if access is None or access.browser in (BrowserAccess.NOTHING, BrowserAccess.ANONYMOUS):
        return found
    found.append(CUSTOMER_TOKEN)
    if access.scope in _SCOPES_OF_ANSWERS:
        found.append(PRIVACY_CONTROL)
    return [*found, IDEMPOTENCY_KEY] if route.takes_idempotency_key else found


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
    one = dict(parameter.schema)
    if "enum" in one:
        one.setdefault("type", "string")
    refuse_control_characters(one)
    if parameter.most == 1:
        return one
    return {"type": "array", "items": one, "maxItems": parameter.most}


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
    has_tag = UNCHANGED in route.also
    answer = {
        "description": "The answer",
        "headers": answer_headers(route.status, has_tag=has_tag),
        "content": answer_content(route),
    }
    refusals = {str(status): refusal(status) for status in _statuses(route)}
    unchanged = {
        "description": UNCHANGED_IS,
        "headers": answer_headers(UNCHANGED, has_tag=True),
    }
    kept = {str(UNCHANGED): unchanged} if has_tag else {}
    return {str(route.status): answer, **kept, **refusals}


def _statuses(route: Route) -> list[int]:
    statuses = [414] if route.query is None else [400, 414]
    if route.access is not None:
        statuses += [401, 403, 429, 503]
    if route.body is not None:
        statuses += [413, 415]
        if route.body_kind.media_type == NDJSON_TYPE:
            statuses += [411]
    if not route.bypasses_limits:
        statuses += [429]
    return sorted({*statuses, *route.also} - {UNCHANGED})


def _within(schemas: dict[str, Any], names: set[str]) -> set[str]:
    """Return the names and those of the schemas that they refer to."""
    found, waiting = set[str](), list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _REFERRED.findall(msgspec.json.encode(schemas[name]).decode())
    return found


def _sorted(structs: set[type]) -> list[type]:
    return sorted(structs, key=lambda struct: struct.__name__)
