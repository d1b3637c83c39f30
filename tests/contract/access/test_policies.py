"""Rules about all routes at once: who reaches them, what documents them, what they carry."""

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

OPEN_TO_EVERYBODY = {"/livez", "/openapi.json", "/docs", "/docs/LICENSE.txt"} | {
    "/docs/openapi-explorer.min.js"
}
DECLARED = {(route.method, route.path): route for route in [*ROUTES, openapi.route_of(ROUTES)]}
CARRIED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


class Untouched(RawIOBase):
    """A body that never arrives."""

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: object) -> int:
        raise AssertionError("the body was read")


def typed(route: Route, headers: dict[str, str]) -> dict[str, str]:
    """Send JSON as the kind of JSON that the route reads."""
    sent = headers["Content-Type"]
    kind = route.body_kind.media_type
    return {**headers, "Content-Type": kind if sent == "application/json" else sent}


def status_without_body(app: Flask, route: Route, headers: dict[str, str]) -> int:
    """Ask a route without a key and with nothing but the headers of a body."""
    path = re.sub(r"<id:\w+>", "a", route.path)
    environ = EnvironBuilder(path, method=route.method, headers=headers).get_environ()
    # The builder writes the length of the body that it has: none.
    environ |= {"wsgi.input": Untouched(), "CONTENT_LENGTH": headers.get("Content-Length", "")}
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
    """Return every method and path that the application answers."""
    return {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_every_route_that_is_served_was_declared(app: Flask) -> None:
    """There is no way into the URL map but a `Route`, which says who reaches it."""
    assert served(app) == set(DECLARED)


def test_a_route_without_a_declared_access_cannot_be_written() -> None:
    """So an application with one does not start."""
    with pytest.raises(TypeError, match="access"):
        Route("GET", "/x", lambda _: None, "nobody said who")  # type: ignore[call-arg,arg-type,return-value]


def test_only_these_routes_are_open_to_everybody() -> None:
    """Any other needs a scope; `/readyz` says more to those who have it."""
    unscoped = {path for (_, path), route in DECLARED.items() if route.access is None}
    optional = {path for (_, path), route in DECLARED.items() if route.key_is_optional}

    assert (unscoped, optional) == (OPEN_TO_EVERYBODY, {"/readyz"})


@pytest.mark.parametrize(
    "route", [r for r in DECLARED.values() if isinstance(r.access, RouteAccess)]
)
def test_a_scoped_route_answers_nobody_without_a_key(app: Flask, route: Route) -> None:
    """401, and not a byte of the body was waited for: it may come as slowly as it likes."""
    headers = {"Content-Type": "application/json", "Content-Length": "30"}

    status = status_without_body(app, route, typed(route, headers))

    assert status == (200 if route.key_is_optional else 401)


@pytest.mark.parametrize("route", [r for r in DECLARED.values() if r.body is not None])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
        ({"Content-Type": "application/json", "Content-Length": "99999999"}, 413),
    ],
    ids=str,
)
def test_what_the_headers_say_of_a_body_is_judged_before_it_arrives(
    app: Flask, route: Route, headers: dict[str, str], status: int
) -> None:
    """Headers are here already; the key comes next, and the body last."""
    assert status_without_body(app, route, typed(route, headers)) == status


def test_a_view_cannot_read_a_body_before_it_has_let_the_request_in(app: Flask) -> None:
    """The order is no matter of each view's care."""
    with app.test_request_context(), pytest.raises(TypeError, match="authorize"):
        Call(None, None, request).read_body(dict)  # type: ignore[arg-type]


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    """By the specification's own validator."""
    validate(document)


def test_every_route_is_in_the_document(document: dict[str, Any]) -> None:
    """And nothing else is."""
    documented = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item
    }

    assert documented == {
        (method, re.sub(r"<id:(\w+)>", r"{\1}", path)) for method, path in DECLARED
    }


def test_the_document_names_the_statuses_of_a_claim() -> None:
    """And not the 200 that is never sent. That each route's are complete, every test sees to."""
    claim, release = statuses()["post_claim"], statuses()["post_release"]

    assert claim == {201, 400, 401, 403, 404, 409, 413, 415, 422, 429, 503}
    assert release == {200, 400, 401, 403, 404, 409, 413, 415, 429, 503}


def test_the_document_names_limits_and_choices(document: dict[str, Any]) -> None:
    """What a client needs to know before it asks."""
    listed = document["paths"]["/v1/customers/{customer_id}/recommendations"]["get"]
    schemas = {parameter["name"]: parameter["schema"] for parameter in listed["parameters"]}

    assert schemas["n"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 10}
    assert schemas["slate"]["enum"] == ["for_you", "discover", "buy_again"]
    assert schemas["customer_id"]["maxLength"] == 128
    assert listed["security"] == [
        {"secret_key": []},
        {"publishable_key": [], "customer_token": []},
    ]


def test_the_document_says_what_becomes_of_an_unknown_item(document: dict[str, Any]) -> None:
    """It is no 404, and `fallback` says nothing: the slate does."""
    described = document["paths"]["/v1/items/{item_id}/recommendations"]["get"]["description"]

    assert "unknown" in described
    assert "`slate` is then `popular`, and `fallback` stays null" in described


def test_every_answer_carries_a_request_id_and_the_security_headers(service: Service) -> None:
    """Answers, refusals, things that are not there, and the documents."""
    replies = [
        service.get("/v1/recommendations"),
        service.get("/v1/recommendations", key=None),
        service.get("/v1/recommendations?n=0"),
        service.get("/nowhere"),
        service.client.delete("/livez"),
        service.get("/docs", key=None),
    ]

    assert all(CARRIED.items() <= dict(reply.headers).items() for reply in replies)
    assert len({reply.headers["X-Request-Id"] for reply in replies}) == len(replies)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("abc-1.2_3", True), ("a b", False), ("", False), ("x" * 65, False), ("é", False)],
)
def test_a_clean_request_id_of_the_caller_is_kept(
    grocery_service: Service, sent: str, kept: bool
) -> None:
    """Anything that could forge a log line is replaced."""
    reply = grocery_service.get("/livez", key=None, **{"X-Request-Id": sent})

    assert (reply.headers["X-Request-Id"] == sent) is kept


def test_a_fault_of_ours_is_a_problem_without_details(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """500 with the request id; the log says where, and nobody's id."""

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
    """Everything it names is a path of ours, and the policy lets nothing else in."""
    page = grocery_service.get("/docs", key=None)
    named = re.findall(r'(?:src|href|spec-url)="([^"]+)"', page.text)
    policy = page.headers["Content-Security-Policy"]

    assert named
    assert [grocery_service.get(path, key=None).status_code for path in named] == [200] * len(named)
    assert all(path.startswith("/") and not path.startswith("//") for path in named)
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "connect-src 'self';" in policy


def test_vendored_files_are_what_their_list_says() -> None:
    """Name, source and hash of each, and the licence beside it."""
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
