"""Every error names the field with its index, shows the value, and says the right form."""

from typing import Any, NamedTuple

import pytest

from recsvc.web.app import ROUTES, shared_paths
from tests.contract.grocery import Service

BASKET, PAGES, RANKINGS = "/v1/basket/recommendations", "/v1/pages", "/v1/rankings"
OFFER, ITEM, EVENTS = "/v1/offers/sale", "/v1/items/milk", "/v1/events"
CONSENTS, PROFILE = "/v1/customers/anna/consents", "/v1/customers/anna/profile"
MERGE, CLAIM = "/v1/customers/anna/merge", "/v1/customers/anna/offers/sale/claim"
HUGE = "1" + "0" * 30


class Case(NamedTuple):
    """A wrong request; its error's field, the shown value, and a part of the rule."""

    method: str
    path: str
    body: Any  # bytes: sent as they are; a list: NDJSON lines; None: none
    field: str
    value: str
    rule: str


def line(**fields: object) -> list[object]:
    return [
        {"customer_id": "anna", "purposes": {"email": True}, "at": "2020-01-01T00:00:00Z"} | fields
    ]


def event(**fields: object) -> dict[str, Any]:
    return {"events": [{"message_id": "1", "type": "view", "item_id": "milk"} | fields]}


def offer(**fields: object) -> dict[str, object]:
    return {"title": "A deal", "kind": "gift"} | fields


def placement(**fields: object) -> dict[str, Any]:
    return {"placements": [{"name": "top"}, {"name": "two"} | fields]}


CASES = [
    # parameters
    Case("GET", "/v1/recommendations?n=abc", None, "n", '"abc"', "a whole number from 1 to 100"),
    Case("GET", "/v1/recommendations?slate=best", None, "slate", '"best"', "one of popular"),
    Case("GET", "/v1/recommendations?min_price=-0.5", None, "min_price", '"-0.5"', "a decimal"),
    Case("GET", "/v1/recommendations?brand=%00", None, "brand", '"\\u0000"', "control character"),
    Case("GET", "/v1/recommendations?exclude=a%2F..", None, "exclude", '"a/.."', "'..'"),
    Case("GET", "/v1/recommendations?category=a%3E%3Eb", None, "category", '"a>>b"', "separated"),
    Case("GET", "/v1/recommendations?fields=size", None, "fields", '"size"', "title"),
    Case("GET", "/v1/recommendations?currency=eur", None, "currency", '"eur"', "capital letters"),
    Case("GET", "/v1/recommendations?min_price=3&max_price=2", None, "max_price", "2", "min_price"),
    Case("GET", "/v1/recommendations?n=1&n=2", None, "n", "2 times", "at most once"),
    Case("GET", "/v1/recommendations?n=%FF", None, "n", "%FF", "UTF-8"),
    Case("GET", "/v1/recommendations?offset=1&diversity=1", None, "offset", "1", "diversity"),
    Case("GET", "/v1/offers?limit=0", None, "limit", '"0"', "from 1 to 100"),
    Case("GET", "/v1/offers?cursor=!", None, "cursor", '"!"', "next_cursor"),
    Case("GET", f"{CONSENTS}/history?limit=x", None, "limit", '"x"', "from 1 to 1000"),
    Case("GET", "/v1/customers/anna/offers?explain=1", None, "explain", '"1"', "true or false"),
    Case("GET", "/v1/customers/anna/offers?channel=%0A", None, "channel", '"\\n"', "control"),
    # ids in paths
    Case("GET", "/v1/items/a%2F..", None, "item_id", '"a/.."', "1 to 128 bytes"),
    Case("GET", "/v1/decisions/a%2F..", None, "decision_id", '"a/.."', "bytes"),
    # every JSON body: not JSON, duplicate keys, half pairs, large numbers, nothing
    Case("POST", BASKET, b'{"items": [], "n": 1, "n": 2}', "n", "twice", "at most one"),
    Case("PUT", ITEM, b'{"attributes": {"a": 1, "a": 2}}', "attributes.a", "twice", "at most one"),
    Case(
        "POST",
        PAGES,
        b'{"placements": [{"name": "a", "n": 1, "n": 2}]}',
        "placements[0].n",
        "twice",
        "one",
    ),
    Case("PUT", ITEM, b'{"title": "\\ud800"}', "title", '"\\ud800"', "surrogate pair"),
    Case("PUT", OFFER, b'{"items": ["a", "\\ud800"]}', "items[1]", '"\\ud800"', "surrogate pair"),
    Case("PUT", ITEM, b'{"\\ud800": 1}', '"\\ud800"', '"\\ud800"', "surrogate pair"),
    Case("PUT", ITEM, f'{{"price": {HUGE}}}'.encode(), "price", "1000", "19 digits"),
    Case("PUT", ITEM, b'{"price": 1e999}', "price", "1e999", "1.8e308"),
    Case("PUT", ITEM, b'{"price": NaN}', "price", "NaN", "number"),
    Case(
        "PUT",
        OFFER,
        b'{"caps": {"total_shown": Infinity}}',
        "caps.total_shown",
        "Infinity",
        "number",
    ),
    Case("POST", BASKET, b"[]", "body", "[]", "an object"),
    Case("PUT", ITEM, b"7", "body", "7", "an object"),
    Case("PUT", OFFER, b'"x"', "body", '"x"', "an object"),
    Case("PUT", PROFILE, b"null", "body", "null", "an object"),
    Case("PUT", CONSENTS, b"[]", "body", "[]", "an object"),
    Case("POST", EVENTS, b"[]", "body", "[]", "an object"),
    Case("POST", CLAIM, b"[1]", "body", "[1]", "an object"),
    # elements of batches
    Case("POST", EVENTS, {"events": [7]}, "events[0]", "7", "an object"),
    Case("POST", EVENTS, {"events": {}}, "events", "{}", "a list"),
    Case("POST", "/v1/items", ["x"], "body", '"x"', "an object"),
    Case("POST", "/v1/offers", [7], "body", "7", "an object"),
    Case("POST", "/v1/customers", [[]], "body", "[]", "an object"),
    Case("POST", "/v1/consents", [None], "body", "null", "an object"),
    Case("POST", "/v1/items", [{"title": "x"}], "item_id", "missing", "an id is"),
    Case("POST", "/v1/offers", [{"title": "x"}], "offer_id", "missing", "an id is"),
    Case("POST", "/v1/customers", [{}], "customer_id", "missing", "an id is"),
    Case("POST", "/v1/consents", [{"at": "x", "purposes": {}}], "customer_id", "missing", "an id"),
    # lists with a body
    Case("POST", BASKET, {}, "items", "missing", "a list"),
    Case("POST", MERGE, {}, "into", "missing", "an id"),
    Case("POST", PAGES, {"placements": [{}]}, "placements[0].name", "missing", "a text"),
    Case("POST", BASKET, {"items": ["a", "b/.."]}, "items[1]", '"b/.."', "'..'"),
    Case("POST", BASKET, {"items": ["a", None]}, "items[1]", "null", "an id"),
    Case("POST", BASKET, {"items": "a"}, "items", '"a"', "a list"),
    Case("POST", BASKET, {"items": [], "exclude": ["", "a"]}, "exclude[0]", '""', "1 to 128"),
    Case("POST", BASKET, {"items": [], "n": 0}, "n", "0", "from 1 to 100"),
    Case("POST", BASKET, {"items": [], "n": 101}, "n", "101", "from 1 to 100"),
    Case("POST", BASKET, {"items": [], "n": "5"}, "n", '"5"', "a whole number"),
    Case("POST", BASKET, {"items": [], "n": 5.5}, "n", "5.5", "a whole number"),
    Case(
        "POST",
        BASKET,
        {"items": [], "fields": ["size"]},
        "fields[0]",
        '"size"',
        "price, title",
    ),
    Case("POST", BASKET, {"items": [], "currency": "eur"}, "currency", '"eur"', "capital letters"),
    Case(
        "POST",
        BASKET,
        {"items": [], "category": ["a", "a>>b"]},
        "category[1]",
        '"a>>b"',
        "separated",
    ),
    Case("POST", BASKET, {"items": [], "brand": ["a", "\x00"]}, "brand[1]", '"\\u0000"', "control"),
    Case("POST", BASKET, {"items": [], "min_price": -1}, "min_price", "-1", "0 or more"),
    Case("POST", BASKET, {"items": [], "min_price": "1"}, "min_price", '"1"', "a number"),
    Case(
        "POST", BASKET, {"items": [], "min_price": 3, "max_price": 2}, "max_price", "2", "min_price"
    ),
    Case("POST", RANKINGS, {"items": ["a", ".."]}, "items[1]", "'..'", "1 to 128"),
    Case(
        "POST",
        RANKINGS,
        {"items": ["a"], "customer_id": "a/offers"},
        "customer_id",
        '"a/offers"',
        "'/offers'",
    ),
    Case("POST", RANKINGS, {"items": ["a"] * 1001}, "items", "1001", "at most 1000"),
    Case("POST", PAGES, {"placements": []}, "placements", "0", "1 to 20"),
    Case("POST", PAGES, placement(slate="best"), "placements[1].slate", '"best"', "for_you"),
    Case(
        "POST",
        PAGES,
        placement(slate="similar"),
        "placements[1].context_item",
        "missing",
        "similar",
    ),
    Case("POST", PAGES, placement(name="top"), "placements[1].name", '"top"', "placements[0]"),
    Case("POST", PAGES, placement(name="a\x00"), "placements[1].name", '"a\\u0000"', "control"),
    Case("POST", PAGES, placement(diversity=2), "placements[1].diversity", "2", "from 0 to 1"),
    Case("POST", PAGES, placement(rotate="x"), "placements[1].rotate", '"x"', "a number"),
    Case("POST", PAGES, placement(offset=1, rotate=1), "placements[1].offset", "1", "rotate"),
    # items
    Case("PUT", ITEM, {"price": 1e13}, "price", "10000000000000.0", "a number from 0 to 1"),
    Case("PUT", ITEM, {"attributes": {"": 1}}, 'attributes.""', '""', "1 to 64 characters"),
    Case("PUT", ITEM, {"attributes": {"a": 1e300}}, "attributes.a", "1e+300", "±1e+15"),
    Case("PUT", ITEM, {"attributes": {"a": [1]}}, "attributes.a", "[1]", "a number"),
    Case("PUT", ITEM, {"categories": ["a", ""]}, "categories[1]", '""', "category"),
    Case(
        "PUT",
        ITEM,
        {"available_from": "2020-01-01T00:00:00.1234567Z"},
        "available_from",
        '"2020',
        "at most 6",
    ),
    Case("PUT", ITEM, {"in_stock": None}, "in_stock", "null", "true or false"),
    Case("PUT", ITEM, {"item_group_id": "a/"}, "item_group_id", '"a/"', "'/'"),
    Case("PUT", ITEM, {"size": 1}, "size", "unknown", "title"),
    # offers
    Case("PUT", OFFER, offer(kind="best"), "kind", '"best"', "percent_off"),
    Case("PUT", OFFER, {"kind": "gift"}, "title", "missing", "a text"),
    Case("PUT", OFFER, offer(codes=["A", ""]), "codes[1]", '""', "1 to 128 characters"),
    Case("PUT", OFFER, offer(codes=["A", "B", "A"]), "codes[2]", '"A"', "codes[0]"),
    Case("PUT", OFFER, offer(codes=["A\x00"]), "codes[0]", '"A\\u0000"', "control"),
    Case("PUT", OFFER, offer(items=["a", 7]), "items[1]", "7", "ids are strings"),
    Case("PUT", OFFER, offer(channels=["web", ""]), "channels[1]", '""', "1 to 128 characters"),
    Case(
        "PUT",
        OFFER,
        offer(eligibility={"attributes": {"": 1}}),
        'eligibility.attributes.""',
        '""',
        "1 to 64 characters",
    ),
    Case(
        "PUT",
        OFFER,
        offer(eligibility={"attributes": {"a": 1e300}}),
        "eligibility.attributes.a",
        "1e+300",
        "±1e+15",
    ),
    Case(
        "PUT",
        OFFER,
        offer(eligibility={"attributes": {"a": ["x", []]}}),
        "eligibility.attributes.a[1]",
        "[]",
        "true or false",
    ),
    Case(
        "PUT",
        OFFER,
        offer(eligibility={"attributes": {"a": []}}),
        "eligibility.attributes.a",
        "[]",
        "1 to 100",
    ),
    Case(
        "PUT",
        OFFER,
        offer(eligibility={"min_orders": -1}),
        "eligibility.min_orders",
        "-1",
        "from 0",
    ),
    Case(
        "PUT",
        OFFER,
        offer(caps={"per_customer": {}}),
        "caps.per_customer.limit",
        "missing",
        "from 1",
    ),
    Case("PUT", OFFER, offer(starts_at="soon"), "starts_at", '"soon"', "RFC 3339"),
    Case("PUT", OFFER, offer(value=1e13), "value", "10000000000000.0", "from 0 to 1"),
    Case("PUT", OFFER, offer(offer_id="b"), "offer_id", '"b"', "the id in the path"),
    # events
    Case("POST", EVENTS, event(type="visit"), "type", '"visit"', "view, impression"),
    Case("POST", EVENTS, event(timestamp="2020-01-01"), "timestamp", '"2020-01-01"', "RFC 3339"),
    Case(
        "POST",
        EVENTS,
        event(timestamp="2020-01-01T00:00:00.1234567Z"),
        "timestamp",
        '"2020',
        "at most 6",
    ),
    Case("POST", EVENTS, event(timestamp="9000-01-01T00:00:00Z"), "timestamp", '"9000', "300 s"),
    Case("POST", EVENTS, event(quantity=0), "quantity", "0", "above 0"),
    Case("POST", EVENTS, event(price=1e13), "price", "10000000000000.0", "a number from 0 to 1"),
    Case("POST", EVENTS, {"events": [{"type": "view"}]}, "item_id", "missing", "an id"),
    # consents
    Case("PUT", CONSENTS, {}, "purposes", "missing", "personalization"),
    Case("PUT", CONSENTS, {"purposes": {}}, "purposes", "{}", "personalization"),
    Case("PUT", CONSENTS, {"purposes": {"email": 1}}, "purposes.email", "1", "true or false"),
    Case("PUT", CONSENTS, {"purposes": {"mail": True}}, "purposes.mail", "unknown", "email"),
    Case("PUT", CONSENTS, {"purposes": [1]}, "purposes", "[1]", "an object"),
    Case("PUT", CONSENTS, {"context": {}}, "context.consent", "missing", "categoryPreferences"),
    Case("PUT", CONSENTS, {"context": 7}, "context", "7", "categoryPreferences"),
    Case("PUT", CONSENTS, {"segment": {}}, "segment.categoryPreferences", "missing", "an object"),
    Case(
        "PUT",
        CONSENTS,
        {"segment": {"categoryPreferences": {"A": 1}}},
        "segment.categoryPreferences.A",
        "1",
        "true or false",
    ),
    Case(
        "PUT",
        CONSENTS,
        {"google": {"ad_storage": "yes"}},
        "google.ad_storage",
        '"yes"',
        '"granted"',
    ),
    Case("PUT", CONSENTS, {"google": 7}, "google", "7", "an object"),
    Case("PUT", CONSENTS, {"tcf": "CP"}, "tcf", '"CP"', "TCF strings"),
    Case(
        "PUT",
        CONSENTS,
        {"tcf": {"purpose": {"legitimateInterests": {"5": True}}}},
        "tcf.purpose",
        "legitimateInterests",
        "consents",
    ),
    Case(
        "PUT",
        CONSENTS,
        {"tcf": {"eventStatus": "open", "purposes": {}}},
        "tcf.eventStatus",
        '"open"',
        "tcloaded",
    ),
    Case(
        "PUT",
        CONSENTS,
        {"purposes": {"email": True}, "source": "\x00"},
        "source",
        '"\\u0000"',
        "control",
    ),
    Case(
        "POST",
        "/v1/consents",
        line(at="1970-01-01T00:00:00Z"),
        "at",
        '"1970-01-01T00:00:00Z"',
        "after 1970-01-01T00:00:00Z",
    ),
    Case("POST", "/v1/consents", line(at="1969-01-01T00:00:00Z"), "at", '"1969', "from 1970"),
    Case(
        "POST", "/v1/consents", line(at="2020-01-01T00:00:00.1234567Z"), "at", '"2020', "at most 6"
    ),
    Case("POST", "/v1/consents", line(at="9000-01-01T00:00:00Z"), "at", '"9000', "future"),
    Case("POST", "/v1/consents", line(customer_id="a/b/"), "customer_id", '"a/b/"', "'/'"),
    # profiles
    Case("PATCH", PROFILE, {"segments": ["a", ""]}, "segments[1]", '""', "1 to 128 characters"),
    Case("PATCH", PROFILE, {"segments": "a"}, "segments", '"a"', "a list"),
    Case("PATCH", PROFILE, {"birth_month": 13}, "birth_month", "13", "1 to 12"),
    Case("PATCH", PROFILE, {"minor": 1}, "minor", "1", "true or false"),
    Case("PATCH", PROFILE, {"customer_since": "x"}, "customer_since", '"x"', "a date"),
    Case("PATCH", PROFILE, {"attributes": {"a": 1e300}}, "attributes.a", "1e+300", "±1e+15"),
    # claims
    Case("POST", CLAIM, {"channel": "\x00"}, "channel", '"\\u0000"', "control"),
    Case("POST", CLAIM, {"decision_id": ""}, "decision_id", '""', "1 to "),
]


@pytest.mark.parametrize(
    "case", CASES, ids=[f"{each.path} {each.field} {each.value}" for each in CASES]
)
def test_an_error_names_the_field_shows_the_value_and_says_the_rule(
    grocery_service: Service, case: Case
) -> None:
    """A wrong request gets an error with the field, the value and the right form."""
    reply = sent(grocery_service, case)
    found = reply.json["results"][0] if reply.status_code == 200 else reply.json
    errors = {each["field"]: each["detail"] for each in found["errors"]}

    assert case.field in errors
    assert case.value in errors[case.field]
    assert case.rule in errors[case.field]
    assert len(errors[case.field]) < 700


def sent(service: Service, case: Case) -> Any:
    if case.body is None:
        return service.get(case.path)
    if isinstance(case.body, bytes):
        headers = {"Content-Type": "application/json"}
        headers["Authorization"] = f"Bearer {service.keys.secret.text}"
        return service.client.open(case.path, method=case.method, data=case.body, headers=headers)
    return service.send(case.method, case.path, case.body)


def test_every_route_that_reads_a_body_or_parameters_has_a_case() -> None:
    """A new route fails here until an error of it is in the table."""
    adapter = shared_paths().bind("")
    told = {adapter.match(each.path.partition("?")[0], each.method)[0] for each in CASES}
    expected = {route.name for route in ROUTES if route.body is not None}
    expected |= {route.name for route in ROUTES if route.query and route.query.parameters}

    assert expected - told - SAME_READER == set()


# Routes with the reader of another route that is in the table, or with an empty body.
SAME_READER = {"recommend_for_customer", "recommend_for_item", "patch_item", "put_profile"}
SAME_READER |= {"post_customers", "post_release"}
