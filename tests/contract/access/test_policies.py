"""Rules for all routes: access, documentation and response headers."""

import hashlib
import json
import re
from io import RawIOBase
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from openapi_spec_validator import validate
from structlog.testing import capture_logs
from werkzeug.test import EnvironBuilder, run_wsgi_app

from recsvc.usecases.access.request_access import RouteAccess
from recsvc.web import openapi
from recsvc.web.app import ROUTES
from recsvc.web.http.route import Call, Route
from recsvc.web.routes import docs
from tests.contract.documented import statuses
from tests.contract.grocery import ANNA, Service

PUBLIC = {"/livez", "/openapi.json", "/docs", "/docs/LICENSE.txt"} | {
    "/docs/openapi-explorer.min.js"
}
DECLARED = {(route.method, route.path): route for route in [*ROUTES, openapi.route_of(ROUTES)]}
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


class UnreadBody(RawIOBase):
    """A body that fails the test when it is read."""

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: object) -> int:
        raise AssertionError("the body was read")


def typed(route: Route, headers: dict[str, str]) -> dict[str, str]:
    """Replace a JSON content type by the media type that the route reads."""
    sent = headers["Content-Type"]
    kind = route.body_kind.media_type
    return {**headers, "Content-Type": kind if sent == "application/json" else sent}


def status_without_body(app: Flask, route: Route, headers: dict[str, str]) -> int:
    """Send a request without a key and with only the headers of a body."""
    path = re.sub(r"<id:\w+>", "a", route.path)
    environ = EnvironBuilder(path, method=route.method, headers=headers).get_environ()
    # The builder writes the length of the body that it has: none.
    environ |= {"wsgi.input": UnreadBody(), "CONTENT_LENGTH": headers.get("Content-Length", "")}
    _, status, _ = run_wsgi_app(app, environ)
    return int(status.split()[0])


@pytest.fixture
def app(grocery_service: Service) -> Flask:
    application: Flask = grocery_service.client.application
    return application


@pytest.fixture
def document(grocery_service: Service) -> dict[str, Any]:
    reply = grocery_service.get("/openapi.json", key=None)
    loaded: dict[str, Any] = json.loads(reply.data)
    return loaded


def served(app: Flask) -> set[tuple[str, str]]:
    """Return the method and path of every rule in the URL map."""
    return {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_every_route_that_is_served_was_declared(app: Flask) -> None:
    """The URL map contains only declared routes, so each route has an access rule."""
    assert served(app) == set(DECLARED)


def test_a_route_without_a_declared_access_is_an_error() -> None:
    """A route without an access rule raises TypeError, so the application does not start."""
    with pytest.raises(TypeError, match="access"):
        Route("GET", "/x", lambda _: None, "no access declared")  # type: ignore[call-arg]


def test_only_these_routes_are_public() -> None:
    """Every route but the public ones needs a scope; `/readyz` shows details with a scope."""
    unscoped = {path for (_, path), route in DECLARED.items() if route.access is None}
    optional = {path for (_, path), route in DECLARED.items() if route.key_is_optional}

    assert (unscoped, optional) == (PUBLIC, {"/readyz"})


@pytest.mark.parametrize(
    "route", [r for r in DECLARED.values() if isinstance(r.access, RouteAccess)]
)
def test_a_scoped_route_refuses_a_request_without_a_key(app: Flask, route: Route) -> None:
    """A scoped route answers 401 without a key before it reads any byte of the body."""
    headers = {"Content-Type": "application/json", "Content-Length": "30"}

    status = status_without_body(app, route, typed(route, headers))

    assert status == (200 if route.key_is_optional else 401)


@pytest.mark.parametrize("route", [r for r in DECLARED.values() if r.body is not None])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain", "Content-Length": "30"}, 415),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
        ({"Content-Type": "application/json", "Content-Length": "99999999"}, 413),
    ],
    ids=str,
)
def test_the_headers_of_a_body_are_checked_before_it_arrives(
    app: Flask, route: Route, headers: dict[str, str], status: int
) -> None:
    """Content type, encoding and length are checked before the key, and the body is read last."""
    assert status_without_body(app, route, typed(route, headers)) == status


def test_a_view_cannot_read_a_body_before_authorization(app: Flask) -> None:
    """Reading the body of a request that is not authorized raises TypeError."""
    with app.test_request_context(), pytest.raises(TypeError, match="authorize"):
        Call(None, None, request).read_body(dict)


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    """The OpenAPI document passes the specification's validator."""
    validate(document)


def test_every_route_is_in_the_document(document: dict[str, Any]) -> None:
    """The document contains exactly the declared routes."""
    documented = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item
    }

    assert documented == {
        (method, re.sub(r"<id:(\w+)>", r"{\1}", path)) for method, path in DECLARED
    }


def test_the_document_names_the_statuses_of_a_claim() -> None:
    """The document lists the statuses of a claim, without a 200, which a claim never returns."""
    claim, release = statuses()["post_claim"], statuses()["post_release"]

    assert claim == {201, 400, 401, 403, 404, 409, 413, 414, 415, 422, 429, 503}
    assert release == {200, 400, 401, 403, 404, 409, 413, 414, 415, 429, 503}


def test_the_document_names_limits_and_choices(document: dict[str, Any]) -> None:
    """The document states the limits of `n`, the slates, the id length and the required keys."""
    listed = document["paths"]["/v1/customers/{customer_id}/recommendations"]["get"]
    schemas = {parameter["name"]: parameter["schema"] for parameter in listed["parameters"]}

    assert schemas["n"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 10}
    assert schemas["slate"]["enum"] == ["for_you", "discover", "buy_again"]
    assert schemas["customer_id"]["maxLength"] == 128
    assert listed["security"] == [
        {"secret_key": []},
        {"publishable_key": [], "customer_token": []},
    ]


def test_the_document_describes_the_answer_for_an_unknown_item(document: dict[str, Any]) -> None:
    """An unknown item is documented as a popular slate with its fallback, not as a 404."""
    described = document["paths"]["/v1/items/{item_id}/recommendations"]["get"]["description"]

    assert "`slate` is `popular`, and `fallback` is `unknown_item`" in described


def test_every_answer_carries_a_request_id_and_the_security_headers(service: Service) -> None:
    """Every response, successful or not, has a request id and the security headers."""
    replies = [
        service.get("/v1/recommendations"),
        service.get("/v1/recommendations", key=None),
        service.get("/v1/recommendations?n=0"),
        service.get("/nowhere"),
        service.client.delete("/livez"),
        service.get("/docs", key=None),
    ]

    assert all(SECURITY_HEADERS.items() <= dict(reply.headers).items() for reply in replies)
    assert len({reply.headers["X-Request-Id"] for reply in replies}) == len(replies)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("abc-1.2_3", True), ("a b", False), ("", False), ("x" * 65, False), ("é", False)],
)
def test_a_clean_request_id_of_the_caller_is_kept(
    grocery_service: Service, sent: str, kept: bool
) -> None:
    """A caller's request id is kept if it is safe in a log line, and replaced otherwise."""
    reply = grocery_service.get("/livez", key=None, **{"X-Request-Id": sent})

    assert (reply.headers["X-Request-Id"] == sent) is kept


def test_an_internal_error_is_a_problem_without_details(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An internal error is a 500; the log has the request id and the error, no customer id."""

    def fail(*_: object, **__: object) -> None:
        raise KeyError("anna")

    monkeypatch.setattr(type(service.services.recommender), "recommend_for", fail)

    with capture_logs() as logged:
        reply = service.get(f"/v1/customers/{ANNA}/recommendations", **{"X-Request-Id": "find-me"})

    assert (reply.status_code, reply.content_type) == (500, "application/problem+json")
    assert b"anna" not in reply.data
    (event,) = logged
    assert (event["request_id"], event["error"]) == ("find-me", "KeyError")
    assert "anna" not in str(event)


def test_the_page_loads_nothing_from_other_hosts(grocery_service: Service) -> None:
    """The docs page refers only to local paths, and its policy blocks all other sources."""
    page = grocery_service.get("/docs", key=None)
    named = re.findall(r'(?:src|href|spec-url)="([^"]+)"', page.text)
    policy = page.headers["Content-Security-Policy"]

    assert named
    assert [grocery_service.get(path, key=None).status_code for path in named] == [200] * len(named)
    assert all(path.startswith("/") and not path.startswith("//") for path in named)
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "connect-src 'self';" in policy


def test_vendored_files_match_their_list() -> None:
    """The vendored files have the names and hashes of their list, and a licence."""
    listed = dict(re.findall(r"^\| (\S+) \|.*\| ([0-9a-f]{64}) \|$", _vendored(), re.MULTILINE))

    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in docs.FOLDER.iterdir()
        if path.name in listed
    }

    assert found == listed
    assert set(listed) == {docs.SCRIPT, "LICENSE.txt"}


def _vendored() -> str:
    return Path(docs.FOLDER / "VENDORED.md").read_text()
