"""CORS: configured origins can read the answers to publishable keys."""

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
from werkzeug.test import TestResponse

from recsvc.web.app import ROUTES
from recsvc.web.http.route import Route
from tests.contract.grocery import ANNA, Service

SHOP_PAGE, OTHER_PAGE = "https://shop.example", "https://other.example"
LISTS = "/v1/recommendations?n=3"
PUBLIC_VARY = {"Authorization", "Origin"}


@pytest.fixture
def open_service(service: Service) -> Service:
    """A service with the shop's origin in RECSVC_CORS_ORIGINS."""
    settings = replace(service.stores.settings, cors_origins=(SHOP_PAGE,))
    return Service(service.stores, service.shop, settings)


def cors_headers(reply: TestResponse) -> dict[str, str]:
    return {name: text for name, text in reply.headers if name.startswith("Access-Control-")}


def vary(reply: TestResponse) -> set[str]:
    return {part.strip() for line in reply.headers.getlist("Vary") for part in line.split(",")}


def preflight(service: Service, path: str, method: str, origin: str = SHOP_PAGE) -> TestResponse:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    return service.client.options(path, headers=headers)


def sample_path(route: Route) -> str:
    return re.sub(r"<id:\w+>", "a", route.path)


def named(route: Route) -> str:
    return f"{route.method} {route.path}"


FOR_BROWSERS = [route for route in ROUTES if route.is_for_browsers]
FOR_SERVERS = [route for route in ROUTES if not route.is_for_browsers]


@pytest.mark.parametrize("route", FOR_BROWSERS, ids=named)
def test_a_preflight_is_answered_for_every_route_of_browsers(
    open_service: Service, route: Route
) -> None:
    """A preflight needs no key; it allows the asking origin and the requested method only."""
    reply = preflight(open_service, sample_path(route), route.method)

    assert (reply.status_code, reply.data) == (204, b"")
    assert cors_headers(reply) == {
        "Access-Control-Allow-Origin": SHOP_PAGE,
        "Access-Control-Allow-Methods": route.method,
        "Access-Control-Allow-Headers": (
            "Authorization, Content-Type, X-Customer-Token, If-None-Match, Idempotency-Key, "
            "X-Request-Id, traceparent, tracestate, baggage, sentry-trace, b3, X-Requested-With, "
            "Cache-Control, Pragma"
        ),
        "Access-Control-Max-Age": "600",
    }
    assert vary(reply) == {"Origin"}


@pytest.mark.parametrize("route", FOR_SERVERS, ids=named)
def test_a_preflight_of_a_server_route_is_refused(open_service: Service, route: Route) -> None:
    """A preflight for a server-only route is answered as a plain OPTIONS request."""
    reply = preflight(open_service, sample_path(route), route.method)

    assert (reply.status_code, cors_headers(reply)) == (200, {})


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        (LISTS, "DELETE", 200),
        (LISTS, "GET\r\nX: y", 200),
        ("/nowhere", "GET", 404),
        ("//v1/recommendations", "GET", 404),
    ],
)
def test_a_preflight_for_an_unknown_route_is_granted_nothing(
    open_service: Service, path: str, method: str, status: int
) -> None:
    """A preflight for an unknown path or method has no CORS headers."""
    reply = open_service.client.options(
        path,
        environ_overrides={
            "HTTP_ORIGIN": SHOP_PAGE,
            "HTTP_ACCESS_CONTROL_REQUEST_METHOD": method,
            "PATH_INFO": path.partition("?")[0],
        },
    )

    assert (reply.status_code, cors_headers(reply)) == (status, {})


@pytest.mark.parametrize(
    "origin", [OTHER_PAGE, "null", "", "*", f"{SHOP_PAGE}/", "HTTPS://shop.example"]
)
def test_an_unlisted_origin_is_granted_nothing(open_service: Service, origin: str) -> None:
    """An unlisted origin gets the same answer without CORS headers."""
    asking = preflight(open_service, LISTS, "GET", origin)
    answer = open_service.as_browser(LISTS, more={"Origin": origin})
    same = open_service.as_browser(LISTS, more={"Origin": SHOP_PAGE})

    assert (asking.status_code, cors_headers(asking), vary(asking)) == (
        204,
        {},
        {"Origin"},
    )
    assert (cors_headers(answer), answer.data) == ({}, same.data)
    assert vary(answer) == PUBLIC_VARY


def test_by_default_no_origin_is_allowed(service: Service) -> None:
    """Without RECSVC_CORS_ORIGINS no response has CORS headers."""
    replies = [
        preflight(service, LISTS, "GET"),
        service.as_browser(LISTS, more={"Origin": SHOP_PAGE}),
    ]

    assert [cors_headers(reply) for reply in replies] == [{}, {}]


def answers(service: Service, sent: Mapping[str, str]) -> dict[str, TestResponse]:
    """Return the responses to a page: an answer, a 304 and every kind of refusal."""
    named = service.as_browser(LISTS).headers["ETag"]
    bodyless = {"Content-Type": "application/json", **sent}
    return {
        "anonymous": service.as_browser(LISTS, more=sent),
        "unchanged": service.as_browser(LISTS, more={**sent, "If-None-Match": named}),
        "own": service.as_browser(f"/v1/customers/{ANNA}/recommendations", ANNA, sent),
        "bad parameter": service.as_browser("/v1/recommendations?n=0", more=sent),
        "unknown key": service.get(LISTS, "pk_unknown", **sent),
        "no token": service.as_browser(f"/v1/customers/{ANNA}/recommendations", more=sent),
        "for servers": service.as_browser("/v1/items/a", more=sent),
        "not there": service.as_browser("/v1/nothing", more=sent),
        "no such method": service.client.delete(
            LISTS, headers={**bodyless, "Authorization": f"Bearer {service.keys.browser.text}"}
        ),
    }


def test_a_listed_origin_reads_answers_and_refusals(open_service: Service) -> None:
    """A listed origin reads answers and refusals, without credentials; each varies by Origin."""
    replies = answers(open_service, {"Origin": SHOP_PAGE})

    statuses = {name: reply.status_code for name, reply in replies.items()}
    assert statuses == {
        "anonymous": 200,
        "unchanged": 304,
        "own": 200,
        "bad parameter": 400,
        "unknown key": 401,
        "no token": 403,
        "for servers": 403,
        "not there": 404,
        "no such method": 405,
    }
    for reply in replies.values():
        assert cors_headers(reply) == {
            "Access-Control-Allow-Origin": SHOP_PAGE,
            "Access-Control-Expose-Headers": "ETag, X-Request-Id, Retry-After",
        }
        assert "Origin" in vary(reply)


def test_a_cacheable_answer_without_an_origin_varies_by_origin(
    open_service: Service,
) -> None:
    """A cacheable answer varies by Origin even without an Origin header in the request."""
    replies = answers(open_service, {})

    cacheable = [
        reply for reply in replies.values() if "no-store" not in reply.headers["Cache-Control"]
    ]
    assert [cors_headers(reply) for reply in replies.values()] == [{}] * len(replies)
    assert [vary(reply) for reply in cacheable] == [PUBLIC_VARY] * 2


@pytest.mark.parametrize("path", [LISTS, f"/v1/customers/{ANNA}/recommendations", "/v1/nothing"])
def test_no_page_reads_an_answer_to_a_secret_key(open_service: Service, path: str) -> None:
    """An answer to a secret key has no CORS headers, so a secret key in a page does not work."""
    replies = [
        open_service.get(path, Origin=SHOP_PAGE),
        open_service.get(path, None, Origin=SHOP_PAGE),
        open_service.get(path, "", Origin=SHOP_PAGE, Authorization="pk_x"),
    ]

    assert [cors_headers(reply) for reply in replies] == [{}] * 3


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/openapi.json", "/docs"])
def test_pages_read_nothing_beside_the_api(open_service: Service, path: str) -> None:
    """The operators' routes and the documents have no CORS headers."""
    reply = open_service.as_browser(path, more={"Origin": SHOP_PAGE})

    assert cors_headers(reply) == {}
