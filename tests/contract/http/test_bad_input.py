"""Wrong ids, parameters, paths and methods: a 4xx that names the error, never a 500."""

import json

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from tests.contract.grocery import Service, item_ids

PROBLEM = {"type", "title", "status", "code", "detail", "errors"}


def get_raw(service: Service, path: bytes, query: bytes = b"") -> tuple[int, dict[str, object]]:
    """Send a GET whose path is bytes, decoded as Latin-1 as a WSGI server does."""
    environ = EnvironBuilder(method="GET").get_environ()
    environ["HTTP_AUTHORIZATION"] = f"Bearer {service.keys.secret.text}"
    environ["PATH_INFO"] = path.decode("latin-1")
    environ["QUERY_STRING"] = query.decode("latin-1")
    body, status, _ = run_wsgi_app(service.client.application, environ)
    return int(status.split()[0]), json.loads(b"".join(body))


@pytest.mark.parametrize("route", ["customers", "items"])
@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b".",
        b"..",
        b"a/..",
        b"./a",
        b"/",
        b"//",
        b"a" * 129,
        "é".encode() * 65,
        b"\x00",
        b"a\nb",
        b"\x7f",
        b"\xc2\x85",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xc3",
    ],
)
def test_a_wrong_id_in_the_path_is_named(
    grocery_service: Service, route: str, wrong: bytes
) -> None:
    """A wrong id in the path is a 400 `bad_id` with the name of the path variable."""
    status, problem = get_raw(
        grocery_service, b"/v1/%s/%s/recommendations" % (route.encode(), wrong)
    )

    assert (status, problem["code"]) == (400, "bad_id")
    assert [error["field"] for error in problem["errors"]] == [f"{route[:-1]}_id"]  # type: ignore[attr-defined]
    assert set(problem) == PROBLEM


@pytest.mark.parametrize("wrong", [b"", b".", b"a/..", b"\xff", b"\x00"])
def test_a_wrong_customer_id_is_named_on_the_consent_routes(
    grocery_service: Service, wrong: bytes
) -> None:
    """The consent routes check a customer id by the same rule."""
    status, problem = get_raw(grocery_service, b"/v1/customers/%s/consents" % wrong)

    assert (status, problem["code"]) == (400, "bad_id")


@pytest.mark.parametrize(
    "right", [b"a" * 128, "é".encode() * 64, "\N{REPLACEMENT CHARACTER}".encode(), b" ", b"%"]
)
def test_an_unusual_id_is_accepted(grocery_service: Service, right: bytes) -> None:
    """Long ids, spaces, percent signs and the replacement character are accepted in an id."""
    status, _ = get_raw(grocery_service, b"/v1/customers/%s/recommendations" % right)

    assert status == 200


@pytest.mark.parametrize(
    "query",
    [
        "n=0",
        "n=101",
        "n=1e3",
        "n=%D9%A1",
        "n=-1",
        "n=+5",
        "n=%2B5",
        "n=%205",
        "n=5%20",
        "n=",
        "n",
        "n=5.0",
        "n=0x5",
        "n=5%00",
        "n=%ff",
        "n=5&n=7",
        "n=5&%6e=5",
        "n=" + "9" * 5000,
    ],
)
def test_a_wrong_number_is_named(grocery_service: Service, query: str) -> None:
    """`n` must be given once, as ASCII digits from 1 to 100; anything else is a 400."""
    reply = grocery_service.get(f"/v1/recommendations?{query}")

    assert (reply.status_code, reply.content_type) == (400, "application/problem+json")
    assert reply.json is not None
    assert [error["field"] for error in reply.json["errors"]] == ["n"]


@pytest.mark.parametrize(
    ("path", "right"),
    [
        ("/v1/customers/a/recommendations", "for_you, discover, buy_again"),
        ("/v1/items/a/recommendations", "similar, bought_together"),
        ("/v1/recommendations", "popular, trending"),
    ],
)
@pytest.mark.parametrize("slate", ["", "best", "For_You", "popular%00", "upsell"])
def test_an_unknown_slate_is_refused_with_the_known_slates(
    grocery_service: Service, path: str, right: str, slate: str
) -> None:
    """The 400 for an unknown slate lists the slates of the route."""
    reply = grocery_service.get(f"{path}?slate={slate}")

    assert reply.status_code == 400
    assert reply.json is not None
    (error,) = reply.json["errors"]
    assert error["field"] == "slate"
    assert error["detail"].endswith(f" is not one of {right}")


@pytest.mark.parametrize(
    "query", ["N=5", "limit=5", "n%00=5", "%ff=5", "=5", "=", "customer_id=b", "n=5&foo"]
)
def test_an_unknown_parameter_is_refused_with_the_known_parameters(
    grocery_service: Service, query: str
) -> None:
    """The 400 for an unknown parameter lists the route's parameters, so no filter is ignored."""
    reply = grocery_service.get(f"/v1/recommendations?{query}")

    assert reply.status_code == 400
    assert reply.json is not None
    assert reply.json["code"] == "unknown_parameter"
    assert reply.json["errors"][0]["detail"] == (
        "unknown; this path takes slate, n, offset, category, brand, min_price, max_price, "
        "currency, exclude, context_item, diversity, fields"
    )


def test_consent_routes_take_no_parameters(grocery_service: Service) -> None:
    """A route without parameters refuses any parameter."""
    reply = grocery_service.get("/v1/customers/a/consents?purpose=email")

    assert reply.status_code == 400


@pytest.mark.parametrize("query", ["n=007", "&n=7&", "n=7&slate=popular", "slate=popular&n=7"])
def test_leading_zeros_and_empty_parts_are_accepted(grocery_service: Service, query: str) -> None:
    """Leading zeros in a number and empty parts of a query are accepted."""
    reply = grocery_service.get(f"/v1/recommendations?{query}")

    assert (reply.status_code, len(item_ids(reply))) == (200, 7)


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/v1", "/v2/recommendations", "/livez/", "//livez", "/v1/customer", "/\xff"),
        *("/v1/consents/", "/v1/events/", "/v1/items/", "/v1/items/milk/", "/v1/offers/"),
        *("/v1/recommendations/", "/v1/customers/anna/", "/v1/customers/anna/consents/"),
    ],
)
def test_other_paths_are_not_found(grocery_service: Service, path: str) -> None:
    """An unknown path is a 404 problem document."""
    status, problem = get_raw(grocery_service, path.encode("latin-1"))

    assert (status, problem["code"], set(problem)) == (404, "not_found", PROBLEM)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v1/recommendations", "GET, HEAD, OPTIONS"),
        ("GET", "/v1/customers/a", "DELETE, OPTIONS"),
        ("BREW", "/livez", "GET, HEAD, OPTIONS"),
    ],
)
def test_other_methods_are_refused_with_the_allowed_methods(
    grocery_service: Service, method: str, path: str, allowed: str
) -> None:
    """An unsupported method is a 405 problem document with the `Allow` header."""
    reply = grocery_service.client.open(path, method=method)

    assert (reply.status_code, reply.content_type) == (405, "application/problem+json")
    assert reply.headers["Allow"] == allowed


def test_head_is_get_without_the_body(grocery_service: Service) -> None:
    """HEAD returns the status and headers of GET and no body."""
    headers = {"Authorization": f"Bearer {grocery_service.keys.secret.text}"}

    reply = grocery_service.client.head("/v1/recommendations", headers=headers)

    assert (reply.status_code, reply.data) == (200, b"")
    assert reply.headers["Cache-Control"] == "private, no-store"


def test_options_needs_no_key(grocery_service: Service) -> None:
    """OPTIONS returns the allowed methods without a key."""
    reply = grocery_service.client.options("/v1/items")

    assert (reply.status_code, reply.data) == (200, b"")
    assert set(reply.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}
