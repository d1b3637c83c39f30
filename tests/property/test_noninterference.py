"""Noninterference: without consent a customer's answer is byte-equal to the anonymous answer."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from recsvc.config import Settings
from recsvc.domain.api_keys import Scope
from recsvc.domain.catalogue.slates import CustomerSlate, ItemSlate
from recsvc.domain.customers.recent_events import RecentKind, encode
from recsvc.domain.values.ids import CustomerId, ItemId
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.usecases.access.request_access import BrowserAccess
from recsvc.web.app import ROUTES
from tests.contract.grocery import ANNA, ITEMS, item_ids
from tests.property.customer_requests import (
    FOR_OFFERS,
    PERSONALIZATION,
    ROUTE_CASES,
    ListQuery,
    RequestDraft,
    RouteCase,
    claim,
    claim_bodies,
    list_query,
    offers,
    own_list,
    personal_offers,
    query_of,
    slates,
)
from tests.property.shop_without_consent import (
    CUSTOMERS,
    CustomerCase,
    Denial,
    ShopWithoutConsent,
    customer_cases,
    shop_without_consent,
)

# The parts that may differ: the id of an answer, and for secret keys the reason of a fallback.
NAMES = re.compile(rb'"recommendation_id":"[^"]*",')
REASONS = re.compile(rb'"fallback":("[^"]*"|null),')
CACHE_HEADERS = {"Cache-Control", "ETag", "Vary"}
HEADERS_OF_ONE_ANSWER = {"X-Request-Id", "Content-Length"}
FAR_FROM_NOW = encode(RecentKind.PURCHASE, 2**35, ItemId(ITEMS[1]))
NO_PERSONAL = CustomerCase(PERSONALIZATION, Denial.WITHDRAWN)


EVERY_ROUTE = pytest.mark.parametrize("case", ROUTE_CASES, ids=lambda case: case.path)
FEW = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def shop(valkey: EmbeddedValkey, settings: Settings) -> Iterator[ShopWithoutConsent]:
    with shop_without_consent(valkey, settings) as service:
        yield service


def send(
    shop: ShopWithoutConsent, draft: RequestDraft, *, by_browser: bool, **more: str
) -> TestResponse:
    key = shop.keys.browser if by_browser else shop.keys.secret
    headers = {"Authorization": f"Bearer {key.text}", **draft.headers, **more}
    if by_browser and draft.token_of is not None:
        headers["X-Customer-Token"] = shop.keys.token(draft.token_of)
    if draft.body is None:
        return shop.client.open(draft.path, method=draft.method, headers=headers)
    return shop.client.open(draft.path, method=draft.method, json=draft.body, headers=headers)


def assert_equal(own: TestResponse, anonymous: TestResponse, *, by_browser: bool) -> None:
    """Compare every visible part of two answers."""
    bodies = [NAMES.sub(b"", reply.data) for reply in (own, anonymous)]
    if not by_browser:
        bodies = [REASONS.sub(b"", body) for body in bodies]
    mine, others = dict(own.headers), dict(anonymous.headers)

    assert own.status_code == anonymous.status_code
    assert bodies[0] == bodies[1]
    assert mine.keys() - CACHE_HEADERS == others.keys() - CACHE_HEADERS
    for name in mine.keys() - CACHE_HEADERS - HEADERS_OF_ONE_ANSWER:
        assert mine[name] == others[name]
    assert mine["Cache-Control"] == "private, no-store"
    if by_browser and "ETag" not in others:  # both ids have the same length
        assert len(own.data) == len(anonymous.data)


@EVERY_ROUTE
@FEW
@given(data=st.data(), customer=CUSTOMERS, by_browser=st.booleans())
def test_without_consent_an_answer_equals_the_anonymous_one(
    shop: ShopWithoutConsent,
    case: RouteCase,
    data: st.DataObject,
    customer: CustomerId,
    by_browser: bool,
) -> None:
    """Any missing consent makes the answer of every route and filter equal the anonymous one."""
    customer_case = data.draw(case.customers)
    pair = data.draw(case.requests)(customer)
    shop.prepare(customer, customer_case)

    own = send(shop, pair.own, by_browser=by_browser, **customer_case.headers)
    anonymous = send(shop, pair.anonymous, by_browser=by_browser, **customer_case.headers)

    assert_equal(own, anonymous, by_browser=by_browser)


@FEW
@given(
    customer=CUSTOMERS,
    customer_case=customer_cases(PERSONALIZATION, FOR_OFFERS),
    offers=st.tuples(personal_offers, personal_offers),
    claims=st.tuples(claim_bodies, claim_bodies),
    key=st.sampled_from(["k-1", None]),
    by_browser=st.booleans(),
)
@example(ANNA, NO_PERSONAL, ("codes", "codes"), ({}, {"channel": "web"}), "k-1", False)
@example(ANNA, NO_PERSONAL, ("regulars", "regulars"), ({}, {}), "k-1", False)
def test_earlier_claims_do_not_change_an_answer_without_consent(
    shop: ShopWithoutConsent,
    customer: CustomerId,
    customer_case: CustomerCase,
    offers: tuple[str, str],
    claims: tuple[ListQuery, ListQuery],
    key: str | None,
    by_browser: bool,
) -> None:
    """Without consent, claims made before do not show in an answer, also under the same key."""
    shop.forget(customer)
    shop.permit(customer)
    send(shop, claim(offers[0], claims[0], "k-1")(customer).own, by_browser=False)
    shop.deny(customer, customer_case)
    pair = claim(offers[1], claims[1], key)(customer)

    own = send(shop, pair.own, by_browser=by_browser, **customer_case.headers)
    anonymous = send(shop, pair.anonymous, by_browser=by_browser, **customer_case.headers)

    assert_equal(own, anonymous, by_browser=by_browser)


@EVERY_ROUTE
@pytest.mark.parametrize("by_browser", [False, True])
def test_with_consent_the_answer_differs(
    shop: ShopWithoutConsent, case: RouteCase, by_browser: bool
) -> None:
    """With consent the answers differ, so the comparison without consent is effective."""
    shop.forget(ANNA)
    shop.permit(ANNA)
    pair = case.example(ANNA)

    own, anonymous = (
        send(shop, each, by_browser=by_browser) for each in (pair.own, pair.anonymous)
    )

    assert NAMES.sub(b"", own.data) != NAMES.sub(b"", anonymous.data)


def test_every_route_that_can_name_a_customer_has_a_case() -> None:
    """Each route that can name a customer has a case in `ROUTE_CASES`."""
    about_customers = (BrowserAccess.OWN_CUSTOMER, BrowserAccess.ANYBODY_OR_OWN)
    found = {
        f"{route.method} {route.path}"
        for route in ROUTES
        if route.access is not None
        and route.access.scope in (Scope.RECOMMEND, Scope.OFFERS)
        and route.access.browser in about_customers
    }

    assert {case.path for case in ROUTE_CASES} == found


@FEW
@given(
    query=list_query(),
    slate=st.sampled_from(ItemSlate),
    customer_case=customer_cases(PERSONALIZATION),
    customer=CUSTOMERS,
)
def test_a_customer_token_changes_no_answer_about_an_item(
    shop: ShopWithoutConsent,
    query: ListQuery,
    slate: ItemSlate,
    customer_case: CustomerCase,
    customer: CustomerId,
) -> None:
    """Lists about an item are equal with and without a customer token."""
    shop.prepare(customer, customer_case)
    path = f"/v1/items/{ITEMS[0]}/recommendations{query_of(query, slate=slate)}"

    with_token = send(shop, RequestDraft("GET", path, customer), by_browser=True)
    without = send(shop, RequestDraft("GET", path), by_browser=True)

    assert with_token.data == without.data
    assert {**with_token.headers, "X-Request-Id": ""} == {**without.headers, "X-Request-Id": ""}


@FEW
@given(customer=CUSTOMERS, slate=slates, customer_case=customer_cases(PERSONALIZATION))
@example(ANNA, CustomerSlate.FOR_YOU, replace(NO_PERSONAL, recent=[FAR_FROM_NOW]))
def test_any_stored_data_gives_a_valid_answer(
    shop: ShopWithoutConsent,
    customer: CustomerId,
    slate: CustomerSlate,
    customer_case: CustomerCase,
) -> None:
    """With consent and any stored data the answers have items without duplicates, and offers."""
    shop.forget(customer)
    shop.permit(customer)
    shop.store_past(customer, customer_case)

    reply = send(shop, own_list({}, slate)(customer).own, by_browser=False)
    shown = item_ids(reply)
    offered = send(shop, offers({})(customer).own, by_browser=False)

    assert reply.status_code == offered.status_code == 200
    assert len(shown) == len(set(shown))
