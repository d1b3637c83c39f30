"""CORS: only pages of the configured origins may read answers, and only with a publishable key.

A page holds no other key, so answers to other keys are never readable by one; refusals of a
publishable key are. Credentials are not allowed: a browser has none for this service.
"""

from collections.abc import Collection
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from recsvc.web.http.wsgi_types import Environ, Headers, StartResponse

API = "/v1/"
ORIGIN = "HTTP_ORIGIN"
ASKED_METHOD = "HTTP_ACCESS_CONTROL_REQUEST_METHOD"
EXPOSED = "ETag, X-Request-Id, Retry-After"
# The second line: headers that tracing and HTTP libraries add, which the service ignores.
SENT_HEADERS = (
    "Authorization, Content-Type, X-Customer-Token, If-None-Match, Idempotency-Key, X-Request-Id, "
    "traceparent, tracestate, baggage, sentry-trace, b3, X-Requested-With, Cache-Control, Pragma"
)
MAX_AGE_SECONDS = "600"


class CrossOrigin:
    """The configured origins, each as browsers send it."""

    def __init__(self, origins: Collection[str]) -> None:
        self._origins = frozenset(origins)

    def started(self, environ: Environ, start_response: StartResponse) -> StartResponse:
        """Wrap `start_response` for a request with an Origin header; it adds CORS headers."""
        if not environ["PATH_INFO"].startswith(API):
            return start_response
        granted: Headers = []
        if environ[ORIGIN] in self._origins and _has_publishable_key(environ):
            granted = [
                ("Access-Control-Allow-Origin", environ[ORIGIN]),
                ("Access-Control-Expose-Headers", EXPOSED),
            ]

        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            return start_response(status, [*headers, *_varied(headers), *granted], exc_info)

        return start

    def preflight(self, origin: str, method: str) -> Response:
        """Answer a preflight request; a browser sends no key with it."""
        response = Response(status=204)
        del response.headers["Content-Type"]
        if origin in self._origins:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Methods"] = method
            response.headers["Access-Control-Allow-Headers"] = SENT_HEADERS
            response.headers["Access-Control-Max-Age"] = MAX_AGE_SECONDS
        return response


class BrowserFlask(Flask):
    """Flask that answers preflight requests for the routes of publishable keys."""

    cross_origin: CrossOrigin
    browser_routes: Collection[str] = ()

    def make_default_options_response(self) -> Response:
        method = self._method_asked_for()
        if method is None:
            return super().make_default_options_response()
        return self.cross_origin.preflight(request.environ[ORIGIN], method)

    def _method_asked_for(self) -> str | None:
        """Return the method of a preflight for a route that a publishable key reaches."""
        asked: str | None = request.environ.get(ASKED_METHOD)
        adapter = self.create_url_adapter(request)
        if asked is None or ORIGIN not in request.environ or adapter is None:
            return None
        try:
            name, _ = adapter.match(method=asked)
        except HTTPException:
            return None
        return asked.upper() if name in self.browser_routes else None


def _has_publishable_key(environ: Environ) -> bool:
    authorization: str = environ.get("HTTP_AUTHORIZATION", "")
    scheme, _, text = authorization.partition(" ")
    return scheme.lower() == "bearer" and text.lstrip(" ").startswith("pk_")


def _varied(headers: Headers) -> Headers:
    says_so = any(name == "Vary" and "Origin" in value for name, value in headers)
    return [] if says_so else [("Vary", "Origin")]
