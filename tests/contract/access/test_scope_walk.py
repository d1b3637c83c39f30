"""Every route of the URL map × every kind of key × every customer: the authorization result.

The requests are built from the declarations, so a new route is tested once it is declared.
"""

import json
from dataclasses import dataclass
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from recsvc.domain.api_keys import ALL_SCOPES, KeyKind, Scope
from recsvc.domain.values.ids import CustomerId, ShopName
from recsvc.usecases.access.request_access import BrowserAccess, RouteAccess
from recsvc.web.app import ROUTES
from recsvc.web.http.route import Route
from recsvc.wiring.stores import Stores
from tests.contract.grocery import ANNA, BERT, Service, publish_grocery, without
from tests.contract.sampled import body_of, names_customer, path_of

OWN, FOREIGN, UNKNOWN = ANNA, BERT, CustomerId("unknown-customer")
CUSTOMERS = (OWN, FOREIGN, UNKNOWN)
AUTHORIZED = 0
SCOPED = [route for route in ROUTES if isinstance(route.access, RouteAccess)]
WITH_EXTRA_SCOPE = [
    route for route in SCOPED if route.access is not None and route.access.extra_scope
]
WITH_CUSTOMER = [route for route in SCOPED if names_customer(route)]


@dataclass(frozen=True)
class World:
    """Two shops. Anna and Bert have consented in the first shop, no customer in the second."""

    service: Service
    other: Service
    revoked: dict[KeyKind, str]

    def ask(
        self,
        route: Route,
        key: str | None,
        customer: CustomerId,
        token: str | None = None,
        body: bytes | None = None,
    ) -> TestResponse:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        if token is not None:
            headers["X-Customer-Token"] = token
        if route.body is not None:
            headers["Content-Type"] = route.body_kind.media_type
        named = customer if names_customer(route) else None
        return self.service.client.open(
            path_of(route, customer),
            method=route.method,
            data=body_of(route, named) if body is None else body,
            headers=headers,
        )

    def status(
        self, route: Route, key: str | None, customer: CustomerId, token: str | None = None
    ) -> int:
        """Return 401, 403, or AUTHORIZED for every other status."""
        status = self.ask(route, key, customer, token).status_code
        assert status not in (405, 413, 415, 429, 500)
        return status if status in (401, 403) else AUTHORIZED


@pytest.fixture(scope="module")
def world(stores: Stores) -> World:
    shops = [ShopName(f"walk-{uuid4().hex[:12]}") for _ in range(2)]
    for shop in shops:
        publish_grocery(stores, shop)
    service, other = (Service(stores, shop) for shop in shops)
    for customer in (OWN, FOREIGN):
        service.consent(customer)
    revoked = {}
    for kind in KeyKind:
        created = stores.api_keys.create(kind, service.shop, ALL_SCOPES)
        revoked[kind] = created.text
        stores.api_keys.revoke(service.shop, created.key.key_id)
    return World(service, other, revoked)


def named(route: Route) -> str:
    return f"{route.method} {route.path}"


def expected_for_browsers(route: Route, *, own: bool) -> int:
    """Return the expected result for a publishable key, from the route's declaration."""
    assert route.access is not None
    match route.access.browser:
        case BrowserAccess.NOTHING:
            return 403
        case BrowserAccess.ANONYMOUS:
            return AUTHORIZED
        case BrowserAccess.OWN_CUSTOMER | BrowserAccess.WITH_TOKEN:
            return AUTHORIZED if own else 403
        case BrowserAccess.ANYBODY_OR_OWN:
            return AUTHORIZED if own or not names_customer(route) else 403


@pytest.mark.parametrize("route", SCOPED, ids=named)
def test_a_request_without_a_live_key_is_refused(world: World, route: Route) -> None:
    """A missing key, a revoked key and a key of an unknown shop give the same 401."""
    unknown = f"sk_no-such-shop_{'A' * 43}"
    keys = [world.revoked[KeyKind.SECRET], world.revoked[KeyKind.PUBLISHABLE], unknown]

    refusals = [world.ask(route, key, OWN) for key in keys]

    assert world.status(route, None, OWN) == (AUTHORIZED if route.key_is_optional else 401)
    assert {reply.status_code for reply in refusals} == {401}
    assert len({reply.data for reply in refusals}) == 1


@pytest.mark.parametrize("route", SCOPED, ids=named)
def test_a_secret_key_needs_the_routes_scope(world: World, route: Route) -> None:
    """The route's scope is necessary and sufficient, for any customer."""
    assert route.access is not None
    statuses = {}
    for scope in Scope:
        key = world.service.secret_key(scope)
        statuses[scope] = {world.status(route, key, customer) for customer in CUSTOMERS}
    rest = world.service.secret_key(*(ALL_SCOPES - {route.access.scope}))

    expected = {scope: {AUTHORIZED if scope is route.access.scope else 403} for scope in Scope}
    assert statuses == expected
    assert world.status(route, rest, OWN) == 403


@pytest.mark.parametrize("route", WITH_EXTRA_SCOPE, ids=named)
def test_a_flag_in_the_body_needs_both_scopes(world: World, route: Route) -> None:
    """A flag in the body is refused to a key with one scope, and accepted with both."""
    assert route.access is not None
    assert route.access.extra_scope is not None
    line = {"customer_id": OWN} if "customer_id" not in route.path else {}
    body = json.dumps({**line, "objects_to_marketing": False}).encode()
    both = (route.access.scope, route.access.extra_scope)
    lacking = [*({scope} for scope in Scope), ALL_SCOPES - {both[0]}, ALL_SCOPES - {both[1]}]

    refused = [
        world.ask(route, world.service.secret_key(*scopes), OWN, body=body) for scopes in lacking
    ]
    accepted = world.ask(route, world.service.secret_key(*both), OWN, body=body)

    assert all(b"missing_scope" in reply.data for reply in refused)
    assert accepted.status_code == 200
    assert b"missing_scope" not in accepted.data


def is_checked_by_the_view(route: Route) -> bool:
    return route.access is not None and route.access.browser is BrowserAccess.WITH_TOKEN


@pytest.mark.parametrize("route", SCOPED, ids=named)
def test_a_publishable_key_is_authorized_as_the_route_declares(world: World, route: Route) -> None:
    """A publishable key acts for no customer without a token, and for one customer with it."""
    key, token = world.service.keys.browser.text, world.service.keys.token(OWN)

    found = {
        (customer, bool(shown)): world.status(route, key, customer, shown)
        for customer in CUSTOMERS
        for shown in (None, token)
    }

    # Where the view checks the owner of the resource, any token is authorized.
    mine = CUSTOMERS if is_checked_by_the_view(route) else (OWN,)
    assert found == {
        (customer, with_token): expected_for_browsers(route, own=with_token and customer in mine)
        for customer, with_token in found
    }


@pytest.mark.parametrize("route", WITH_CUSTOMER, ids=named)
def test_foreign_and_unknown_customers_look_the_same_to_a_browser(
    world: World, route: Route
) -> None:
    """The 403 for foreign and unknown customers is the same, so it reveals no customer."""
    key, token = world.service.keys.browser.text, world.service.keys.token(OWN)

    replies = [world.ask(route, key, customer, token) for customer in (FOREIGN, UNKNOWN)]
    tokenless = world.ask(route, key, FOREIGN)

    assert {reply.status_code for reply in (*replies, tokenless)} == {403}
    assert {reply.data for reply in replies} == {tokenless.data}
    shown = [dict(reply.headers) | {"X-Request-Id": ""} for reply in (*replies, tokenless)]
    assert shown[0] == shown[1] == shown[2]


@pytest.mark.parametrize("route", WITH_CUSTOMER, ids=named)
def test_a_token_of_another_shop_is_refused(world: World, route: Route) -> None:
    """A token of another shop gives 401 where the route reads the token, and 403 elsewhere."""
    assert route.access is not None
    key, token = world.service.keys.browser.text, world.other.keys.token(OWN)
    reads_token = route.access.browser in (BrowserAccess.OWN_CUSTOMER, BrowserAccess.ANYBODY_OR_OWN)
    expected = 401 if reads_token else expected_for_browsers(route, own=False)

    assert expected == world.status(route, key, OWN, token)


@pytest.mark.parametrize("route", [r for r in WITH_CUSTOMER if r.method == "GET"], ids=named)
def test_another_shops_key_does_not_see_the_customer(world: World, route: Route) -> None:
    """A key of another shop gets the same answer for this shop's customer as for an unknown one.

    Both shops' models were trained on the same grocery and know the customer's id.
    """
    key = world.other.keys.secret.text

    known, other = (world.ask(route, key, customer) for customer in (OWN, UNKNOWN))

    assert known.status_code == other.status_code
    names = ("recommendation_id", "models")
    renamed = known.data.replace(OWN.encode(), UNKNOWN.encode())
    assert without(renamed, *names) == without(other.data, *names)
