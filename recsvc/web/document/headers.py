"""Headers of requests and answers in the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

Header = Mapping[str, Any]


def _header(name: str, description: str, schema: Mapping[str, Any], example: str) -> Header:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": dict(schema),
        "example": example,
    }


CUSTOMER_TOKEN = _header(
    "X-Customer-Token",
    "The token of the customer for whom a publishable key acts; secret keys need none",
    {"type": "string"},
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJl",
)
PRIVACY_CONTROL = _header(
    "Sec-GPC",
    "Global Privacy Control: `1` makes the answer anonymous, unless a setting limits its effect",
    {"type": "string", "enum": ["1"]},
    "1",
)
IDEMPOTENCY_KEY = _header(
    "Idempotency-Key",
    "An id of this claim: a repeated request with it returns the same claim for a day",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"},
    "checkout-1001",
)
IF_NONE_MATCH = _header(
    "If-None-Match",
    "The `ETag` of the client's copy: the answer is 304 while the copy is current",
    {"type": "string"},
    '"5f0c8a3e"',
)
REQUEST_ID = _header(
    "X-Request-Id",
    "An id of this request, which the answer and the log repeat",
    {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[A-Za-z0-9._-]+$"},
    "checkout-1001-a",
)
ANSWER_HEADERS = {
    "X-Request-Id": {
        "description": "The id of the request, as in the log",
        "schema": {"type": "string"},
        "example": "checkout-1001-a",
    },
    "ETag": {
        "description": "The version of the answer, for `If-None-Match`",
        "schema": {"type": "string"},
        "example": '"5f0c8a3e"',
    },
    "Retry-After": {
        "description": "Number of seconds after which to send the request again",
        "schema": {"type": "integer", "minimum": 0},
        "example": 1,
    },
}
TRY_AGAIN = frozenset({429, 503})


def answer_headers(status: int, *, has_tag: bool) -> dict[str, Any]:
    """Return the headers of an answer with the status. `has_tag`: it has an `ETag`."""
    names = ["X-Request-Id"]
    if has_tag and status in (200, 304):
        names.append("ETag")
    if status in TRY_AGAIN:
        names.append("Retry-After")
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
