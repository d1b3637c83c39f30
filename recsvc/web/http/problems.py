"""Errors as RFC 9457 problem documents. Every error becomes an answer here.

Two equal refusals are equal byte for byte: there is no `instance`, and the request id is a
header. An internal error is logged with its place in the code, never with values: they may be ids.
"""

import traceback
from collections.abc import Iterable

import msgspec
import structlog
from flask import Flask, Response, request
from werkzeug.exceptions import ClientDisconnected, HTTPException

from recsvc.domain.errors import (
    BadRequest,
    FieldError,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    RecsvcError,
    Unauthorized,
)
from recsvc.web.http import metrics
from recsvc.web.http.bodies import TOO_LARGE, has_large_body, incomplete_body
from recsvc.web.http.response_middleware import REQUEST_ID

PROBLEM = "application/problem+json"
RETRY_AFTER_SECONDS = "1"
TRY_AGAIN = frozenset({429, 503})

log = structlog.get_logger(__name__)


class FieldProblem(msgspec.Struct, frozen=True):
    """The fault of one field, and the rule of the field."""

    field: str
    detail: str


class Problem(msgspec.Struct, frozen=True):
    """An error answer (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldProblem] = []


def field_problems(errors: Iterable[FieldError]) -> list[FieldProblem]:
    return [FieldProblem(error.field, error.detail) for error in errors]


def register_problems(app: Flask) -> None:
    app.register_error_handler(RecsvcError, answer_error)
    app.register_error_handler(HTTPException, answer_http_exception)
    app.register_error_handler(Exception, answer_fault)


def answer_error(error: RecsvcError) -> Response:
    if error.status == 500:
        return answer_fault(error)
    response = problem_response(
        error.status, error.code, error.title, error.detail, field_problems(error.errors)
    )
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, RateLimited):
        metrics.count_rate_limited(error.by)
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    elif error.status in TRY_AGAIN:
        response.headers["Retry-After"] = RETRY_AFTER_SECONDS
    return response


def answer_http_exception(error: HTTPException) -> Response:
    """Answer the refusals of Flask: unknown paths, wrong methods, bodies over the limit."""
    status = error.code or 500
    known = _KNOWN.get(status)
    if isinstance(error, ClientDisconnected):
        response = answer_error(incomplete_body("the connection ended; nothing was written"))
    elif known is not None:
        response = answer_error(known)
    else:
        code = error.name.lower().replace(" ", "_").replace("'", "")
        response = problem_response(status, code, error.name.capitalize(), error.name)
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def answer_fault(error: Exception) -> Response:
    frames = traceback.extract_tb(error.__traceback__)
    log.error(
        "request_failed",
        request_id=request.environ.get(REQUEST_ID),
        route=request.endpoint,
        error=type(error).__name__,
        where=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-8:]],
    )
    return problem_response(500, "internal_error", "Internal error", _FAULT)


def problem_response(
    status: int, code: str, title: str, detail: str, errors: list[FieldProblem] | None = None
) -> Response:
    problem = Problem(f"urn:recsvc:problem:{code}", title, status, code, detail, errors or [])
    response = Response(msgspec.json.encode(problem), status, content_type=PROBLEM)
    response.headers["Cache-Control"] = "private, no-store"
    if has_large_body(request):
        response.headers["Connection"] = "close"
    return response


_FAULT = "internal error; the log has the details under the value of the X-Request-Id header"
_KNOWN: dict[int, RecsvcError] = {
    error.status: error
    for error in (
        BadRequest("the request could not be read"),
        NotFound("this path does not exist"),
        MethodNotAllowed(
            "this path does not support this method; the Allow header lists the supported ones"
        ),
        PayloadTooLarge(TOO_LARGE),
    )
}
