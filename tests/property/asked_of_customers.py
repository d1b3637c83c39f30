"""Every route that a customer can be named to: what is asked there, and the same of nobody.

A request is drawn with all that may be said in it, but for who asks.
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
from tests.property.private_shop import OFFERS, PERSONAL_OFFERS, STRANGER, Known, known

PERSONALIZATION, FOR_OFFERS = Purpose.PERSONALIZATION, Purpose.OFFERS


@dataclass(frozen=True)
class Sent:
    """A request without its credentials. `of`: whose token it takes; None: nobody's."""

    method: str
    path: str
    of: CustomerId | None = None
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pair:
    """A request about a customer, and the same about nobody, or about who is nobody to the shop."""

    own: Sent
    nobodys: Sent


Wanted = dict[str, Any]
Asking = Callable[[CustomerId], Pair]

names = st.lists(st.sampled_from(["fruit", "drinks", "elm", "oak", "none"]), max_size=2)
items = st.sampled_from([*ITEMS, "new", "unheard of"])
some_items = st.lists(items, max_size=4)
prices = st.integers(0, 12)
fields = st.lists(st.sampled_from(["title", "category", "price"]), max_size=2, unique=True)
labels = st.sampled_from(["web", "app"])


@st.composite
def wanted(draw: st.DrawFn) -> Wanted:
    """Draw how much of a list, and through which filters."""
    optional = {
        "n": st.integers(1, 100),
        "category": names,
        "brand": names,
        "min_price": prices,
        "max_price": prices,
        "exclude": some_items,
        "context_item": items,
        "diversity": st.sampled_from([0.0, 0.3, 1.0]),
        "fields": fields,
    }
    drawn: Wanted = draw(st.fixed_dictionaries({}, optional=optional))
    assume(drawn.get("min_price", 0) <= drawn.get("max_price", 99))
    return {name: value for name, value in drawn.items() if value not in ([], "")}


def query_of(wanted: Wanted, **more: Any) -> str:
    said = {**more, **wanted}
    if "fields" in said:
        said["fields"] = ",".join(said["fields"])
    return f"?{urlencode(said, doseq=True)}" if said else ""


def own_list(wanted: Wanted, slate: CustomerSlate) -> Asking:
    def asking(customer: CustomerId) -> Pair:
        path = f"/v1/customers/{customer}/recommendations{query_of(wanted, slate=slate)}"
        return Pair(
            Sent("GET", path, customer),
            Sent("GET", f"/v1/recommendations{query_of(wanted, slate='popular')}"),
        )

    return asking


def posted(path: str, body: Wanted) -> Asking:
    """Ask with a body that names the customer, and with one that names nobody."""

    def asking(customer: CustomerId) -> Pair:
        named = Sent("POST", path, customer, {**body, "customer_id": customer})
        return Pair(named, Sent("POST", path, None, body))

    return asking


def basket(wanted: Wanted, items: list[str]) -> Asking:
    return posted("/v1/basket/recommendations", {**wanted, "items": items})


def page(placements: list[tuple[str, Wanted]]) -> Asking:
    asked = [
        {**wanted, "name": f"place {place}", "slate": slate}
        for place, (slate, wanted) in enumerate(placements)
    ]
    for each in asked:  # an item's slate is about an item
        if each["slate"] in list(ItemSlate):
            each.setdefault("context_item", ITEMS[0])
    return posted("/v1/pages", {"placements": asked})


def offers(query: Wanted) -> Asking:
    def asking(customer: CustomerId) -> Pair:
        path, query_string = "/v1/customers/{}/offers", query_of(query)
        own, nobodys = (
            Sent("GET", path.format(who) + query_string, who) for who in (customer, STRANGER)
        )
        return Pair(own, nobodys)

    return asking


def claim(offer: str, body: Wanted, key: str | None) -> Asking:
    headers = {} if key is None else {"Idempotency-Key": key}

    def asking(customer: CustomerId) -> Pair:
        path = "/v1/customers/{}/offers/{}/claim"
        own, nobodys = (
            Sent("POST", path.format(who, offer), who, body, headers)
            for who in (customer, STRANGER)
        )
        return Pair(own, nobodys)

    return asking


@dataclass(frozen=True)
class About:
    """A route that a customer can be named to: what is asked of it, and what that needs.

    `example`: a request whose answer is another for Anna, who permits everything.
    """

    path: str
    asked: st.SearchStrategy[Asking]
    known: st.SearchStrategy[Known]
    example: Asking


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
said_of_claim = st.fixed_dictionaries({}, optional={"channel": labels, "decision_id": labels})
personal_offers = st.sampled_from(sorted(PERSONAL_OFFERS))
claim_keys = st.none() | st.sampled_from(["k-1", "k-2"])

ABOUT = [
    About(
        "GET /v1/customers/<id:customer_id>/recommendations",
        st.builds(own_list, wanted(), slates),
        known(PERSONALIZATION),
        own_list({}, CustomerSlate.FOR_YOU),
    ),
    About(
        "POST /v1/basket/recommendations",
        st.builds(basket, wanted(), some_items),
        known(PERSONALIZATION),
        basket({}, []),
    ),
    About(
        "POST /v1/pages",
        st.builds(page, st.lists(st.tuples(placed, wanted()), min_size=1, max_size=3)),
        known(PERSONALIZATION),
        page([("for_you", {})]),
    ),
    About(
        "GET /v1/customers/<id:customer_id>/offers",
        st.builds(offers, offer_query),
        known(PERSONALIZATION, FOR_OFFERS),
        offers({}),
    ),
    About(
        "POST /v1/customers/<id:customer_id>/offers/<id:offer_id>/claim",
        st.builds(claim, st.sampled_from([*OFFERS, "none"]), said_of_claim, claim_keys),
        known(FOR_OFFERS),
        claim("deal", {}, None),
    ),
]
