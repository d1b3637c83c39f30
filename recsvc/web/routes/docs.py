"""The page that shows the OpenAPI document. The service serves its script; no other host is used.

VENDORED.md in `static/openapi-explorer` names the version, source and hashes of each file there.
"""

from pathlib import Path

from flask import Response

from recsvc.web.http.conditional_responses import Constant
from recsvc.web.http.route import Call, Route

FOLDER = Path(__file__).parents[1] / "static" / "openapi-explorer"
SCRIPT = "openapi-explorer.min.js"
PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>recsvc</title>
<script type="module" src="/docs/{SCRIPT}"></script>
</head>
<body>
<openapi-explorer spec-url="/openapi.json" hide-server-selection></openapi-explorer>
<noscript>This page shows <a href="/openapi.json">/openapi.json</a>.</noscript>
</body>
</html>
"""


def docs(call: Call) -> Response:
    return _PAGE.answer(call.request)


def docs_script(call: Call) -> Response:
    return _SCRIPT.answer(call.request)


def docs_license(call: Call) -> Response:
    return _LICENSE.answer(call.request)


def _file(content: bytes, media_type: str) -> Constant:
    headers = {"Content-Type": media_type, "Cache-Control": "public, max-age=3600"}
    return Constant(content, headers)


_PAGE = _file(PAGE.encode(), "text/html; charset=utf-8")
_SCRIPT = _file((FOLDER / SCRIPT).read_bytes(), "text/javascript; charset=utf-8")
_LICENSE = _file((FOLDER / "LICENSE.txt").read_bytes(), "text/plain; charset=utf-8")

ROUTES = (
    Route(
        "GET",
        "/docs",
        docs,
        "This document as a page",
        None,
        query=None,
        also=(304,),
        media_type="text/html",
        name="docs",
        tag="docs",
    ),
    Route(
        "GET",
        f"/docs/{SCRIPT}",
        docs_script,
        "The page's script",
        None,
        query=None,
        also=(304,),
        media_type="text/javascript",
        name="docs_script",
        tag="docs",
    ),
    Route(
        "GET",
        "/docs/LICENSE.txt",
        docs_license,
        "The licence of the page's script",
        None,
        query=None,
        also=(304,),
        media_type="text/plain",
        name="docs_license",
        tag="docs",
    ),
)
