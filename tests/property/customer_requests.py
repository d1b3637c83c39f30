"""Requests of every route that can name a customer, paired with their anonymous counterparts.

A strategy draws every part of a request except its credentials.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from hypothesis import assume
from hypothesis import strategies as st

from recsvc.domain.catalogue.slates import CustomerSlate, ItemSlate
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.values.ids import CustomerId
from tests.contract.grocery import ITEMS
from tests.property.shop_without_consent import (
    OFFERS,
    PERSONAL_OFFERS,
    STRANGER,
    CustomerCase,
    customer_cases,
)

PERSONALIZATION, FOR_OFFERS = Purpose.PERSONALIZATION, Purpose.OFFERS


@dataclass(frozen=True)
class RequestDraft:
    """A request without credentials. `token_of`: the customer of its token, or None."""

    method: str
    path: str
    token_of: CustomerId | None = None
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RequestPair:
    """A request about a customer, and its counterpart about none or an unknown one."""

    own: RequestDraft
    anonymous: RequestDraft


ListQuery = dict[str, Any]
MakeRequests = Callable[[CustomerId], RequestPair]

NAMES = ["fruit", "drinks", "fruit > red", "elm", "oak", "none"]
names = st.lists(st.sampled_from(NAMES), max_size=2)
items = st.sampled_from([*ITEMS, "new", "unheard of"])
some_items = st.lists(items, max_size=4)
prices = st.integers(0, 12)
fields = st.lists(st.sampled_from(["title", "categories", "attributes"]), max_size=2, unique=True)
labels = st.sampled_from(["web", "app"])


@st.composite
def list_query(draw: st.DrawFn) -> ListQuery:
    """Draw the length and the filters of a list."""
    optional = {
        "n": st.integers(1, 100),
        "category": names,
        "brand": names,
        "min_price": prices,
        "max_price": prices,
        "currency": st.sampled_from(["EUR", "CHF"]),
        "exclude": some_items,
        "context_item": items,
        "diversity": st.sampled_from([0.0, 0.3, 1.0]),
        "fields": fields,
    }
    drawn: ListQuery = draw(st.fixed_dictionaries({}, optional=optional))
    assume(drawn.get("min_price", 0) <= drawn.get("max_price", 99))
    return {name: value for name, value in drawn.items() if value not in ([], "")}


def query_of(list_query: ListQuery, **more: Any) -> str:
    parameters = {**more, **list_query}
    if "fields" in parameters:
        parameters["fields"] = ",".join(parameters["fields"])
    return f"?{urlencode(parameters, doseq=True)}" if parameters else ""


def own_list(list_query: ListQuery, slate: CustomerSlate) -> MakeRequests:
    def make_requests(customer: CustomerId) -> RequestPair:
        path = f"/v1/customers/{customer}/recommendations{query_of(list_query, slate=slate)}"
        return RequestPair(
            RequestDraft("GET", path, customer),
            RequestDraft("GET", f"/v1/recommendations{query_of(list_query, slate='popular')}"),
        )

    return make_requests


def post_requests(path: str, body: ListQuery) -> MakeRequests:
    """Make a request whose body names the customer, and one whose body names none."""

    def make_requests(customer: CustomerId) -> RequestPair:
        named = RequestDraft("POST", path, customer, {**body, "customer_id": customer})
        return RequestPair(named, RequestDraft("POST", path, None, body))

    return make_requests


def basket(list_query: ListQuery, items: list[str]) -> MakeRequests:
    return post_requests("/v1/basket/recommendations", {**list_query, "items": items})


def ranking(list_query: ListQuery, items: list[str]) -> MakeRequests:
    left_out = {"context_item", "diversity"}
    body = {name: value for name, value in list_query.items() if name not in left_out}
    return post_requests("/v1/rankings", {**body, "items": items})


def page(placements: list[tuple[str, ListQuery]]) -> MakeRequests:
    requested = [
        {**list_query, "name": f"place {place}", "slate": slate}
        for place, (slate, list_query) in enumerate(placements)
    ]
    for each in requested:  # a slate of items needs a context item
        if each["slate"] in list(ItemSlate):
            each.setdefault("context_item", ITEMS[0])
    return post_requests("/v1/pages", {"placements": requested})


def offers(query: ListQuery) -> MakeRequests:
    def make_requests(customer: CustomerId) -> RequestPair:
        path, query_string = "/v1/customers/{}/offers", query_of(query)
        own, anonymous = (
            RequestDraft("GET", path.format(name) + query_string, name)
            for name in (customer, STRANGER)
        )
        return RequestPair(own, anonymous)

    return make_requests


def claim(offer: str, body: ListQuery, key: str | None) -> MakeRequests:
    headers = {} if key is None else {"Idempotency-Key": key}

    def make_requests(customer: CustomerId) -> RequestPair:
        path = "/v1/customers/{}/offers/{}/claim"
        own, anonymous = (
            RequestDraft("POST", path.format(name, offer), name, body, headers)
            for name in (customer, STRANGER)
        )
        return RequestPair(own, anonymous)

    return make_requests


@dataclass(frozen=True)
class RouteCase:
    """A route that can name a customer, with strategies for its requests and customers.

    `example`: a request whose answer differs for Anna, who has granted every purpose.
    """

    path: str
    requests: st.SearchStrategy[MakeRequests]
    customers: st.SearchStrategy[CustomerCase]
    example: MakeRequests


slates = st.sampled_from(CustomerSlate)
placed = st.sampled_from([*map(str, CustomerSlate), *map(str, ItemSlate), "popular", "trending"])
offer_query = st.fixed_dictionaries(
    {},
    optional={
        "n": st.integers(1, 9),
        "channel": labels,
        "placement": labels,
        "explain": st.sampled_from(["true", "false"]),
    },
)
claim_bodies = st.fixed_dictionaries({}, optional={"channel": labels, "decision_id": labels})
personal_offers = st.sampled_from(sorted(PERSONAL_OFFERS))
claim_keys = st.none() | st.sampled_from(["k-1", "k-2"])

ROUTE_CASES = [
    RouteCase(
        "GET /v1/customers/<id:customer_id>/recommendations",
        st.builds(own_list, list_query(), slates),
        customer_cases(PERSONALIZATION),
        own_list({}, CustomerSlate.FOR_YOU),
    ),
    RouteCase(
        "POST /v1/basket/recommendations",
        st.builds(basket, list_query(), some_items),
        customer_cases(PERSONALIZATION),
        basket({}, []),
    ),
    RouteCase(
        "POST /v1/rankings",
        st.builds(ranking, list_query(), some_items),
        customer_cases(PERSONALIZATION),
        ranking({}, ITEMS),
    ),
    RouteCase(
        "POST /v1/pages",
        st.builds(page, st.lists(st.tuples(placed, list_query()), min_size=1, max_size=3)),
        customer_cases(PERSONALIZATION),
        page([("for_you", {})]),
    ),
    RouteCase(
        "GET /v1/customers/<id:customer_id>/offers",
        st.builds(offers, offer_query),
        customer_cases(PERSONALIZATION, FOR_OFFERS),
        offers({}),
    ),
    RouteCase(
        "POST /v1/customers/<id:customer_id>/offers/<id:offer_id>/claim",
        st.builds(claim, st.sampled_from([*OFFERS, "none"]), claim_bodies, claim_keys),
        customer_cases(FOR_OFFERS),
        claim("deal", {}, None),
    ),
]
