"""Strict JSON bodies, read once. Any text that two parsers could read differently is refused.

A sender may send a body as slowly as it likes, and the reading thread waits. So the headers are
checked first, and the body is read only after the request is authorized (`Call.read_body`).

The standard library parses, with hooks that refuse repeated keys, NaN and Infinity, numbers
beyond 64 bits and lone surrogates; msgspec and the library's defaults accept all of these.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import msgspec
from flask import Request

from recsvc.domain.errors import (
    BadRequest,
    FieldError,
    LengthRequired,
    PayloadTooLarge,
    UnsupportedMedia,
)
from recsvc.web.http.body_errors import bad_body
from recsvc.web.http.json_faults import first_fault, has_lone_surrogate, is_too_long

T = TypeVar("T")

MAX_BODY_BYTES = 64 * 1024
MAX_NDJSON_BYTES = 5 * 1024 * 1024
MAX_LINES = MAX_NDJSON_BYTES // 16  # no useful line is shorter
TOO_LARGE = "the body is larger than this path reads"
JSON_TYPE = "application/json"
NDJSON_TYPE = "application/x-ndjson"
_MOST_WHOLE = 10**9  # the limit of whole numbers in any field
UTF_8 = frozenset({"utf-8", "utf8"})

_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


class BodyRefused(ValueError):
    """The text may be JSON, but breaks one of the stricter rules."""


@dataclass(frozen=True, slots=True)
class BodyKind:
    """The media type and the size limit of a path's bodies. `also`: a second media type."""

    media_type: str
    most_bytes: int
    also: str | None = None

    @property
    def read_bytes(self) -> int:
        """One byte over the limit: Werkzeug cuts a body without a length there in silence."""
        return self.most_bytes + 1

    @property
    def too_large(self) -> str:
        return f"the body is larger than {self.most_bytes} bytes"


JSON_BODY = BodyKind(JSON_TYPE, MAX_BODY_BYTES)
# Generated clients send a JSON array, since few of them know NDJSON.
NDJSON_BODY = BodyKind(NDJSON_TYPE, MAX_NDJSON_BYTES, JSON_TYPE)


def check_headers(request: Request, kind: BodyKind = JSON_BODY) -> None:
    """Refuse a body by its headers, without waiting for its bytes."""
    if request.headers.get("Content-Encoding"):
        raise UnsupportedMedia("bodies with a Content-Encoding are not read; send plain JSON")
    if (request.content_length or 0) > kind.most_bytes:
        raise PayloadTooLarge(kind.too_large)
    if request.mimetype not in (kind.media_type, kind.also):
        types = kind.media_type if kind.also is None else f"{kind.media_type} or {kind.also}"
        raise UnsupportedMedia(f"the Content-Type must be {types}")
    if request.mimetype_params.get("charset", "utf-8").lower() not in UTF_8:
        raise UnsupportedMedia("the charset of JSON is utf-8; send utf-8 or no charset")


def has_large_body(request: Request) -> bool:
    """Return True if a refused request may still be sending: close its connection."""
    return (request.content_length or 0) > MAX_BODY_BYTES or "Transfer-Encoding" in request.headers


def is_bodiless(request: Request) -> bool:
    """Return True if no header announces bytes of a body, or another type than JSON.

    Generated clients send the Content-Type of a body that they leave out.
    """
    headers = request.headers
    return (
        not request.content_length
        and request.mimetype in ("", JSON_TYPE)
        and "Content-Encoding" not in headers
        and "Transfer-Encoding" not in headers
    )


def read_body(request: Request, shape: type[T], kind: BodyKind = JSON_BODY) -> T:
    """Wait for the request's body and return it as a `shape`, or raise its faults."""
    return convert(parse_json(_read(request, kind)), shape)


def read_lines(request: Request, kind: BodyKind = NDJSON_BODY) -> list[bytes]:
    """Wait for an NDJSON body and return its lines, without blank ones.

    The elements of a JSON array are its lines. The server does not tell a cut body without a
    length from a complete one. JSON that was cut is not valid; lines that were cut would be
    applied in part.
    """
    if request.content_length is None:
        raise LengthRequired("a body of lines needs a Content-Length")
    body = _read(request, kind)
    if request.mimetype == JSON_TYPE:
        return [msgspec.json.encode(each) for each in convert(parse_json(body), list[Any])]
    if body.count(b"\n") > MAX_LINES:  # a line costs far more memory than its bytes
        raise PayloadTooLarge(f"the body has more than {MAX_LINES} lines")
    return [line for line in body.split(b"\n") if line.strip()]


def convert(parsed: Any, shape: type[T]) -> T:
    try:
        return msgspec.convert(parsed, shape, strict=True)
    except (msgspec.ValidationError, RecursionError) as error:
        raise bad_body(str(error), parsed, shape) from None


def _read(request: Request, kind: BodyKind) -> bytes:
    request.max_content_length = kind.read_bytes
    body = request.get_data(cache=False)
    if len(body) > kind.most_bytes:
        raise PayloadTooLarge(kind.too_large)
    announced = request.content_length or 0
    if len(body) < announced:
        raise incomplete_body(f"{len(body)} of {announced} bytes arrived; nothing was written")
    return body


def incomplete_body(fault: str) -> BadRequest:
    return BadRequest(
        f"the body is incomplete: {fault}",
        code="incomplete_body",
        errors=[FieldError("body", f"incomplete: {fault}")],
    )


def parse_json(body: bytes) -> Any:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise _bad_json("the body is not valid UTF-8") from None
    try:
        parsed = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_bounded,
        )
    except BodyRefused as error:
        raise _refused(text, str(error)) from None
    except RecursionError:
        raise _bad_json("the body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise _bad_json(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    if _SURROGATE_ESCAPE.search(text) and any(map(has_lone_surrogate, _strings(parsed))):
        raise _refused(text, "a text has half of a surrogate pair")
    return parsed


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BodyRefused("an object has two members of one name")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise BodyRefused(f"{name} is not a number of JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise BodyRefused("a number is out of range")
    if abs(number) <= _MOST_WHOLE and number.is_integer():
        return int(number)  # 2.0 is a whole number of JSON Schema, and −0.0 is 0
    return number


def _bounded(digits: str) -> int:
    if is_too_long(digits):
        raise BodyRefused("a number is out of range")
    return int(digits)


def _strings(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, dict):
            waiting.extend(part.keys())
            waiting.extend(part.values())


def _refused(text: str, detail: str) -> BadRequest:
    """Return the refusal of a text that breaks a stricter rule, with its place if it is found."""
    fault = first_fault(text)
    if fault is None:
        return _bad_json(detail)
    return BadRequest(f"{fault.field}: {fault.detail}", code="bad_json", errors=[fault])


def _bad_json(detail: str) -> BadRequest:
    return BadRequest(detail, code="bad_json", errors=[FieldError("body", detail)])
