"""The bodies, answers and refusals of one route, as media types with schema and example."""

from typing import Any

import msgspec

from recsvc.web.document.answer_examples import ANSWER_EXAMPLES, TEXT_EXAMPLES, problem_example
from recsvc.web.document.body_examples import BODY_EXAMPLES
from recsvc.web.document.headers import answer_headers
from recsvc.web.http.bodies import JSON_TYPE, NDJSON_TYPE
from recsvc.web.http.problems import PROBLEM, Problem
from recsvc.web.http.rendering import JSON
from recsvc.web.http.route import Route

REFERENCES = "#/components/schemas/{name}"
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
TITLES = {
    400: "Bad request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    409: "Conflict",
    411: "Length required",
    413: "Payload too large",
    414: "URI too long",
    415: "Unsupported media type",
    422: "Unprocessable",
    429: "Too many requests",
    503: "Store unavailable",
}


def refusal(status: int) -> dict[str, Any]:
    schema = {"$ref": REFERENCES.format(name=Problem.__name__)}
    example = problem_example(status, TITLES[status])
    return {
        "description": REFUSALS[status],
        "headers": answer_headers(status, has_tag=False),
        "content": {PROBLEM: {"schema": schema, "example": example}},
    }


def body_content(route: Route, body: type) -> dict[str, Any]:
    one = {"$ref": REFERENCES.format(name=body.__name__)}
    example = BODY_EXAMPLES[body.__name__]
    if route.body_kind.media_type != NDJSON_TYPE:
        return {route.body_kind.media_type: {"schema": one, "example": example}}
    lines = {"type": "string", "description": f"One JSON object, a `{body.__name__}`, on each line"}
    line = msgspec.json.encode(example).decode()
    return {
        JSON_TYPE: {"schema": {"type": "array", "items": one}, "example": [example]},
        NDJSON_TYPE: {"schema": lines, "example": f"{line}\n"},
    }


def answer_content(route: Route) -> dict[str, Any]:
    if route.answer is None:
        is_json = route.media_type == JSON
        schema: dict[str, Any] = {"type": "object" if is_json else "string"}
        return {route.media_type: {"schema": schema, "example": TEXT_EXAMPLES[route.media_type]}}
    name = route.answer.__name__
    schema = {"$ref": REFERENCES.format(name=name)}
    return {JSON: {"schema": schema, "example": ANSWER_EXAMPLES[name]}}
