"""Middleware that adds the request id, the security headers and CORS headers to every answer.

It wraps the WSGI application from outside, so that no answer escapes it, and adds a constant list:
Flask's own hooks would cost several times as much.
"""

import re
import time
from collections.abc import Iterable
from typing import Any

import uuid_utils

from recsvc.web.http.cors import ORIGIN, CrossOrigin
from recsvc.web.http.wsgi_types import Application, Environ, Headers, StartResponse

REQUEST_ID = "recsvc.request_id"
STARTED = "recsvc.started"

DOCS_PATH = "/docs"
COMMON_HEADERS: Headers = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
]
API_POLICY = "default-src 'none'; frame-ancestors 'none'"
# The page's component sets style attributes; its script comes from this host alone.
DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
API_HEADERS: Headers = [*COMMON_HEADERS, ("Content-Security-Policy", API_POLICY)]
DOCS_HEADERS: Headers = [*COMMON_HEADERS, ("Content-Security-Policy", DOCS_POLICY)]

_CLEAN_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class ResponseHeadersMiddleware:
    """A WSGI application that wraps another and adds headers to its answers."""

    def __init__(self, application: Application, cross_origin: CrossOrigin) -> None:
        self._application = application
        self._cross_origin = cross_origin

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ[STARTED] = time.perf_counter()
        environ[REQUEST_ID] = request_id = _request_id(environ)
        constant = DOCS_HEADERS if environ["PATH_INFO"].startswith(DOCS_PATH) else API_HEADERS

        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            carried = [*headers, ("X-Request-Id", request_id), *constant]
            return start_response(status, carried, exc_info)

        started = self._cross_origin.started(environ, start) if ORIGIN in environ else start
        return self._application(environ, started)


def _request_id(environ: Environ) -> str:
    """Return the caller's request id if it is well-formed, else a new one."""
    given = environ.get("HTTP_X_REQUEST_ID")
    if given is not None and _CLEAN_REQUEST_ID.fullmatch(given):
        return str(given)
    return str(uuid_utils.uuid7())
