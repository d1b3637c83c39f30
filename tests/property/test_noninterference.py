"""Without consent a customer's answer is nobody's, byte for byte, whatever is known of them."""

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
from tests.property.asked_of_customers import (
    ABOUT,
    FOR_OFFERS,
    PERSONALIZATION,
    About,
    Sent,
    Wanted,
    claim,
    offers,
    own_list,
    personal_offers,
    query_of,
    said_of_claim,
    slates,
    wanted,
)
from tests.property.private_shop import (
    CUSTOMERS,
    Denial,
    Known,
    PrivateShop,
    known,
    private_shop,
)

# What tells one answer from the next; why a list is everybody's is told to secret keys.
NAMES = re.compile(rb'"recommendation_id":"[^"]*",')
REASONS = re.compile(rb'"fallback":("[^"]*"|null),')
OF_A_CACHE = {"Cache-Control", "ETag", "Vary"}
OF_ONE_ANSWER = {"X-Request-Id", "Content-Length"}
FAR_FROM_NOW = encode(RecentKind.PURCHASE, 2**35, ItemId(ITEMS[1]))
NO_PERSONAL = Known(PERSONALIZATION, Denial.WITHDRAWN)


EVERY_ROUTE = pytest.mark.parametrize("about", ABOUT, ids=lambda about: about.path)
FEW = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def shop(valkey: EmbeddedValkey, settings: Settings) -> Iterator[PrivateShop]:
    with private_shop(valkey, settings) as service:
        yield service


def send(shop: PrivateShop, sent: Sent, *, by_browser: bool, **more: str) -> TestResponse:
    key = shop.keys.browser if by_browser else shop.keys.secret
    headers = {"Authorization": f"Bearer {key.text}", **sent.headers, **more}
    if by_browser and sent.of is not None:
        headers["X-Customer-Token"] = shop.keys.token(sent.of)
    if sent.body is None:
        return shop.client.open(sent.path, method=sent.method, headers=headers)
    return shop.client.open(sent.path, method=sent.method, json=sent.body, headers=headers)


def same(own: TestResponse, nobodys: TestResponse, *, by_browser: bool) -> None:
    """Compare all that can be seen of two answers."""
    bodies = [NAMES.sub(b"", reply.data) for reply in (own, nobodys)]
    if not by_browser:
        bodies = [REASONS.sub(b"", body) for body in bodies]
    mine, others = dict(own.headers), dict(nobodys.headers)

    assert own.status_code == nobodys.status_code
    assert bodies[0] == bodies[1]
    assert mine.keys() - OF_A_CACHE == others.keys() - OF_A_CACHE
    for name in mine.keys() - OF_A_CACHE - OF_ONE_ANSWER:
        assert mine[name] == others[name]
    assert mine["Cache-Control"] == "private, no-store"
    if by_browser and "ETag" not in others:  # both names are of one kind, so of one length
        assert len(own.data) == len(nobodys.data)


@EVERY_ROUTE
@FEW
@given(data=st.data(), customer=CUSTOMERS, by_browser=st.booleans())
def test_without_consent_an_answer_is_nobodys(
    shop: PrivateShop, about: About, data: st.DataObject, customer: CustomerId, by_browser: bool
) -> None:
    """On every route, through any filter, whatever is missing of the consent it needs."""
    known = data.draw(about.known)
    pair = data.draw(about.asked)(customer)
    shop.remember(customer, known)

    own = send(shop, pair.own, by_browser=by_browser, **known.headers)
    nobodys = send(shop, pair.nobodys, by_browser=by_browser, **known.headers)

    same(own, nobodys, by_browser=by_browser)


@FEW
@given(
    customer=CUSTOMERS,
    known=known(PERSONALIZATION, FOR_OFFERS),
    offers=st.tuples(personal_offers, personal_offers),
    said=st.tuples(said_of_claim, said_of_claim),
    key=st.sampled_from(["k-1", None]),
    by_browser=st.booleans(),
)
@example(ANNA, NO_PERSONAL, ("codes", "codes"), ({}, {"channel": "web"}), "k-1", False)
@example(ANNA, NO_PERSONAL, ("regulars", "regulars"), ({}, {}), "k-1", False)
def test_what_was_claimed_before_is_no_part_of_the_answer(
    shop: PrivateShop,
    customer: CustomerId,
    known: Known,
    offers: tuple[str, str],
    said: tuple[Wanted, Wanted],
    key: str | None,
    by_browser: bool,
) -> None:
    """Of offers that need both consents, with either missing, also with the key of that time."""
    shop.forget(customer)
    shop.permit(customer)
    send(shop, claim(offers[0], said[0], "k-1")(customer).own, by_browser=False)
    shop.deny(customer, known)
    pair = claim(offers[1], said[1], key)(customer)

    own = send(shop, pair.own, by_browser=by_browser, **known.headers)
    nobodys = send(shop, pair.nobodys, by_browser=by_browser, **known.headers)

    same(own, nobodys, by_browser=by_browser)


@EVERY_ROUTE
@pytest.mark.parametrize("by_browser", [False, True])
def test_with_consent_the_answer_is_the_customers(
    shop: PrivateShop, about: About, by_browser: bool
) -> None:
    """So that the above compares what could differ."""
    shop.forget(ANNA)
    shop.permit(ANNA)
    pair = about.example(ANNA)

    own, nobodys = (send(shop, each, by_browser=by_browser) for each in (pair.own, pair.nobodys))

    assert NAMES.sub(b"", own.data) != NAMES.sub(b"", nobodys.data)


def test_every_route_that_a_customer_is_named_to_is_above() -> None:
    """A new one is asked the same, or its author says here why not."""
    about_customers = (BrowserAccess.OWN_CUSTOMER, BrowserAccess.ANYBODY_OR_OWN)
    found = {
        f"{route.method} {route.path}"
        for route in ROUTES
        if route.access is not None
        and route.access.scope in (Scope.RECOMMEND, Scope.OFFERS)
        and route.access.browser in about_customers
    }

    assert {about.path for about in ABOUT} == found


@FEW
@given(
    asked=wanted(),
    slate=st.sampled_from(ItemSlate),
    known=known(PERSONALIZATION),
    customer=CUSTOMERS,
)
def test_a_token_changes_no_answer_to_anybody(
    shop: PrivateShop, asked: Wanted, slate: ItemSlate, known: Known, customer: CustomerId
) -> None:
    """Lists about an item name no customer, though a browser may show whose it is."""
    shop.remember(customer, known)
    path = f"/v1/items/{ITEMS[0]}/recommendations{query_of(asked, slate=slate)}"

    with_token = send(shop, Sent("GET", path, customer), by_browser=True)
    without = send(shop, Sent("GET", path), by_browser=True)

    assert with_token.data == without.data
    assert {**with_token.headers, "X-Request-Id": ""} == {**without.headers, "X-Request-Id": ""}


@FEW
@given(customer=CUSTOMERS, slate=slates, known=known(PERSONALIZATION))
@example(ANNA, CustomerSlate.FOR_YOU, replace(NO_PERSONAL, recent=[FAR_FROM_NOW]))
def test_no_history_breaks_a_consenting_customers_request(
    shop: PrivateShop, customer: CustomerId, slate: CustomerSlate, known: Known
) -> None:
    """Whatever stands in the store, there are offers and a list, and none of it twice."""
    shop.forget(customer)
    shop.permit(customer)
    shop.tell(customer, known)

    reply = send(shop, own_list({}, slate)(customer).own, by_browser=False)
    shown = item_ids(reply)
    offered = send(shop, offers({})(customer).own, by_browser=False)

    assert reply.status_code == offered.status_code == 200
    assert len(shown) == len(set(shown))
