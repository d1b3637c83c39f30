"""Filters on every list: matching items, the top-up, and the fallback of a short list."""

import pytest
from werkzeug.test import TestResponse

from tests.contract.grocery import ANNA, BERT, ITEMS, Service, item_ids, rows, without

CUSTOMER = "/v1/customers/anna/recommendations"
POPULAR = "/v1/recommendations"
SIMILAR = "/v1/items/item-00/recommendations"


def scores(reply: TestResponse) -> list[float]:
    assert reply.json is not None
    return [item["score"] for item in reply.json["items"]]


@pytest.fixture
def with_catalogue(service: Service) -> Service:
    """Even items are fruit, odd ones nuts; item k costs k; item 11 has neither; `new` is fruit."""
    for number, item in enumerate(ITEMS[:11]):
        category, brand = ("nuts", "oak") if number % 2 else ("fruit", "elm")
        service.item(item, category=category, brand=brand, price=number, title=f"No {number}")
    service.item("new", category="fruit", price=4)
    service.consent(ANNA)
    return service


@pytest.mark.parametrize(
    ("path", "query", "found"),
    [
        (POPULAR, "category=nuts&n=3", rows(1, 3, 5)),
        (POPULAR, "category=nuts&category=fruit&n=3", rows(0, 1, 2)),
        (POPULAR, "brand=oak&max_price=4", rows(1, 3)),
        (POPULAR, "min_price=9", rows(9, 10)),
        (POPULAR, "min_price=4&max_price=4", [*rows(4), "new"]),
        (POPULAR, "category=fruit&min_price=4&n=9", [*rows(4, 6, 8, 10), "new"]),
        (POPULAR, "category=nowhere", []),
        (POPULAR, "exclude=item-00&exclude=item-01&exclude=unheard-of&n=2", rows(2, 3)),
        (POPULAR, "context_item=item-00&n=3", rows(5, 6, 1)),
        (POPULAR, "slate=trending&category=fruit&n=3", rows(4, 2, 0)),
        (SIMILAR, "category=fruit&n=3", rows(6, 2, 4)),
        (SIMILAR, "exclude=item-05&n=2", rows(6, 2)),
        (CUSTOMER, "category=fruit&n=3", rows(0, 6, 2)),
        (CUSTOMER, "category=nuts&n=3", rows(7, 5, 1)),
        (CUSTOMER, "slate=discover&category=fruit&n=3", rows(6, 2, 4)),
        (CUSTOMER, "slate=buy_again&category=nuts", rows(1)),
        (CUSTOMER, "context_item=item-01&n=3", rows(0, 7, 2)),
    ],
)
def test_a_list_contains_only_matching_items(
    with_catalogue: Service, path: str, query: str, found: list[str]
) -> None:
    """Own items come first, then neighbours of bought items, then popular items that match."""
    assert item_ids(with_catalogue.get(f"{path}?{query}")) == found


@pytest.mark.parametrize(
    ("path", "query", "fallback"),
    [
        (POPULAR, "category=nuts&n=5", None),
        (POPULAR, "category=nuts&n=6", "filtered_out"),
        (POPULAR, "n=100", None),
        (SIMILAR, "category=nuts&n=6", "filtered_out"),
        (CUSTOMER, "category=nuts&n=6", "filtered_out"),
        (CUSTOMER, "slate=buy_again&n=3", None),
        (CUSTOMER, "slate=buy_again&category=nuts", "filtered_out"),
        ("/v1/customers/nobody/recommendations", "category=nuts&n=6", "unknown_customer"),
    ],
)
def test_a_list_shortened_by_filters_reports_it(
    with_catalogue: Service, path: str, query: str, fallback: str | None
) -> None:
    """The fallback is `filtered_out` only for a short list without another fallback."""
    reply = with_catalogue.get(f"{path}?{query}")

    assert reply.json is not None
    assert reply.json["fallback"] == fallback


@pytest.mark.parametrize(
    "query",
    [
        "category=nuts",
        "brand=elm&max_price=6",
        "exclude=item-00",
        "context_item=item-00",
        "fields=title,price",
        "diversity=0.5",
    ],
)
def test_without_consent_filtered_answers_are_anonymous(
    with_catalogue: Service, query: str
) -> None:
    """The bodies are equal byte for byte, whatever is stored about the customer."""
    with_catalogue.consent(ANNA, {"personalization": False})

    own = with_catalogue.get(f"{CUSTOMER}?slate=discover&{query}")
    anonymous = with_catalogue.get(f"{POPULAR}?slate=popular&{query}")

    names = ("recommendation_id", "fallback")
    assert without(own.data, *names) == without(anonymous.data, *names)


def test_fields_come_from_the_live_catalogue(with_catalogue: Service) -> None:
    """The requested fields have their current values, and null if unknown."""
    with_catalogue.send("PATCH", "/v1/items/item-00", {"price": 7.5})

    reply = with_catalogue.get(f"{POPULAR}?fields=title,price&n=100")

    assert reply.json is not None
    found = {item["item_id"]: item for item in reply.json["items"]}
    assert (found["item-00"]["title"], found["item-00"]["price"]) == ("No 0", 7.5)
    assert found["item-11"]["title"] is None
    assert set(found["item-00"]) == {"item_id", "score", "reason", "title", "price"}


def test_diversity_mixes_categories(with_catalogue: Service) -> None:
    """All nuts are popular first; with diversity a fruit that is no neighbour follows the first
    nut."""
    for number in (0, 2, 4):
        with_catalogue.send("PATCH", f"/v1/items/{ITEMS[number]}", {"category": "nuts"})

    plain = item_ids(with_catalogue.get(f"{POPULAR}?n=3&diversity=0"))
    mixed = item_ids(with_catalogue.get(f"{POPULAR}?n=3&diversity=0.9"))

    assert plain == rows(0, 1, 2)
    assert mixed[:2] == rows(0, 8)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("min_price=-1", "min_price"),
        ("min_price=NaN", "min_price"),
        ("max_price=1e3", "max_price"),
        ("min_price=2&max_price=1", "max_price"),
        ("category=", "category"),
        ("brand=" + "x" * 513, "brand"),
        ("exclude=a%2F..", "exclude"),
        ("&".join(["exclude=a"] * 201), "exclude"),
        ("&".join(["category=a"] * 21), "category"),
        ("context_item=", "context_item"),
        ("context_item=a&context_item=b", "context_item"),
        ("diversity=1.1", "diversity"),
        ("fields=hidden", "fields"),
        ("fields=", "fields"),
    ],
)
def test_a_wrong_filter_is_named(grocery_service: Service, query: str, field: str) -> None:
    """An invalid filter is 400, with the name of the parameter."""
    for path in (POPULAR, SIMILAR, CUSTOMER):
        reply = grocery_service.get(f"{path}?{query}")

        assert reply.status_code == 400
        assert reply.json is not None
        assert [error["field"] for error in reply.json["errors"]] == [field]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/recommendations?slate=popular",
        "/v1/recommendations?slate=trending",
        "/v1/items/item-00/recommendations?slate=similar",
        f"/v1/customers/{ANNA}/recommendations?slate=for_you",
        f"/v1/customers/{ANNA}/recommendations?slate=discover",
        f"/v1/customers/{BERT}/recommendations?slate=for_you",
    ],
)
def test_an_offset_continues_a_list(service: Service, path: str) -> None:
    """Pages of three, one after the other, are the long list: no item twice, none left out."""
    service.consent(ANNA)

    whole = service.get(f"{path}&n=12")
    pages = [service.get(f"{path}&n=3&offset={start}") for start in range(0, 12, 3)]

    assert [item for page in pages for item in item_ids(page)] == item_ids(whole)
    assert [score for page in pages for score in scores(page)] == scores(whole)
    assert scores(whole) == sorted(scores(whole), reverse=True)
    assert item_ids(service.get(f"{path}&offset=500")) == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("offset=501", "offset"),
        ("offset=-1", "offset"),
        ("offset=1.5", "offset"),
        ("offset=1&offset=2", "offset"),
        ("offset=5&diversity=0.5", "offset"),
    ],
)
def test_a_wrong_offset_is_refused(service: Service, query: str, field: str) -> None:
    """The error names the parameter; a reranked list has no stable continuation."""
    reply = service.get(f"/v1/recommendations?{query}")

    assert reply.json is not None
    assert reply.status_code == 400
    assert [error["field"] for error in reply.json["errors"]] == [field]


@pytest.fixture
def with_bananas_and_milk(service: Service) -> Service:
    """The four best sellers are milk, the next two are bananas, the others bread, tea, rice."""
    categories = ["Dairy > Milk"] * 4 + ["Fruit > Bananas"] * 2 + ["Bread", "Tea", "Rice", "Oil"]
    for item, category in zip(ITEMS, categories, strict=False):
        service.item(item, category=category)
    return service


@pytest.mark.parametrize("slate", ["popular", "trending"])
def test_a_list_for_all_begins_with_two_of_a_category(
    with_bananas_and_milk: Service, slate: str
) -> None:
    """At most two of a leaf category are among the first five; `diversity=0` switches it off."""
    path = f"{POPULAR}?slate={slate}"

    limited = item_ids(with_bananas_and_milk.get(f"{path}&n=12"))
    plain = item_ids(with_bananas_and_milk.get(f"{path}&n=12&diversity=0"))

    assert sum(item in ITEMS[:4] for item in limited[:5]) == 2
    assert sum(item in ITEMS[:4] for item in plain[:5]) > 2
    assert sorted(limited) == sorted(plain)


def test_the_limit_of_a_category_is_the_same_for_each_page_size(
    with_bananas_and_milk: Service,
) -> None:
    """A shorter answer and the next page are parts of the same list."""
    whole = item_ids(with_bananas_and_milk.get(f"{POPULAR}?n=12"))
    parts = [
        item_ids(with_bananas_and_milk.get(f"{POPULAR}?n=3&offset={start}")) for start in (0, 3)
    ]

    assert whole[:6] == parts[0] + parts[1]


def test_the_limit_does_not_act_within_a_category(with_bananas_and_milk: Service) -> None:
    """A filter that leaves fewer than three categories keeps the order of popularity."""
    reply = with_bananas_and_milk.get(f"{POPULAR}?category=Dairy&category=Fruit")

    assert item_ids(reply) == rows(0, 1, 2, 3, 4, 5)


def test_similar_items_have_one_variant_of_a_product(service: Service) -> None:
    """The second variant of a product is left out of `similar`; `popular` shows both."""
    for item in rows(5, 6):
        service.item(item, item_group_id="shirt")

    assert rows(6)[0] not in item_ids(service.get(f"{SIMILAR}?n=12"))
    assert rows(5)[0] in item_ids(service.get(f"{SIMILAR}?n=12"))
    assert {*rows(5, 6)} <= {*item_ids(service.get(f"{POPULAR}?n=12"))}
