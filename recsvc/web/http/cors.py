"""Which pages of other origins may read our answers: exactly those that the operator named.

A page holds a publishable key and no other, so only what such a key is answered can be read from
one, refusals included. Nothing is granted with credentials: a browser sends us none by itself.
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
SENT_HEADERS = "Authorization, Content-Type, X-Customer-Token, If-None-Match, Idempotency-Key"
MAX_AGE_SECONDS = "600"


class CrossOrigin:
    """The origins whose pages are let in, each written as browsers send it."""

    def __init__(self, origins: Collection[str]) -> None:
        self._origins = frozenset(origins)

    def started(self, environ: Environ, start_response: StartResponse) -> StartResponse:
        """Return what starts the answer to a request that names an origin."""
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
        """Answer a browser that asks whether it may use a method; it shows no key yet."""
        response = Response(status=204)
        del response.headers["Content-Type"]
        if origin in self._origins:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Methods"] = method
            response.headers["Access-Control-Allow-Headers"] = SENT_HEADERS
            response.headers["Access-Control-Max-Age"] = MAX_AGE_SECONDS
        return response


class BrowserFlask(Flask):
    """Flask, but what browsers ask beforehand is answered for the routes that they reach."""

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
