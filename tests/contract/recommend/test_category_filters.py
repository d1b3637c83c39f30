"""Filters by category path and currency, on every route with a filter."""

import pytest

from tests.contract.grocery import ANNA, Service, item_ids, rows

POPULAR = "/v1/recommendations"


@pytest.fixture
def apparel(service: Service) -> Service:
    """Items 0 to 2 are in a path, item 3 by a further category; prices are in two currencies."""
    service.item("item-00", category="Apparel > Shoes > Boots", price=10, currency="EUR")
    service.item("item-01", category="Apparel", price=10, currency="CHF")
    service.item("item-02", category="Apparel Care", price=10, currency="EUR")
    service.item("item-03", category="Gifts", categories=["Apparel>Shoes"], price=10)
    service.consent(ANNA)
    return service


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("category=Apparel", rows(0, 1, 3)),
        ("category=Apparel%3EShoes", rows(0, 3)),
        ("category=Apparel%20%3E%20Shoes%20%3E%20Boots", rows(0)),
        ("category=Shoes", []),
        ("category=Gifts&category=Apparel+Care", rows(2, 3)),
        ("category=Apparel&currency=EUR", rows(0)),
        ("max_price=10&currency=EUR", rows(0, 2)),
        ("min_price=10&currency=USD", []),
        ("currency=CHF", rows(1)),
    ],
)
def test_a_filter_finds_children_and_one_currency(
    apparel: Service, query: str, found: list[str]
) -> None:
    """An item of a child or of a further category passes once; a name that begins alike not."""
    assert item_ids(apparel.get(f"{POPULAR}?{query}")) == found
    personal = item_ids(apparel.get(f"/v1/customers/anna/recommendations?{query}"))
    assert sorted(personal) == found
    assert sorted(item_ids(apparel.get(f"/v1/items/item-05/recommendations?{query}"))) == found


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (f"{POPULAR}?min_price=1", None, "currency"),
        ("/v1/customers/anna/recommendations?max_price=20", None, "currency"),
        ("/v1/items/item-00/recommendations?max_price=20", None, "currency"),
        ("/v1/basket/recommendations", {"items": [], "min_price": 1}, "currency"),
        ("/v1/rankings", {"items": ["item-00"], "min_price": 1}, "currency"),
        (
            "/v1/pages",
            {"placements": [{"name": "a"}, {"name": "b", "max_price": 2}]},
            "placements[1].currency",
        ),
    ],
)
def test_a_price_in_several_currencies_needs_one(
    apparel: Service, path: str, body: dict[str, object] | None, field: str
) -> None:
    """The refusal names the currencies; with one left, the filter needs none."""
    reply = apparel.get(path) if body is None else apparel.send("POST", path, body)

    assert reply.json is not None
    assert (reply.status_code, reply.json["code"]) == (400, "currency_required")
    assert [fault["field"] for fault in reply.json["errors"]] == [field]
    assert "CHF, EUR" in reply.json["detail"]

    apparel.send("PATCH", "/v1/items/item-01", {"currency": "EUR"})
    again = apparel.get(path) if body is None else apparel.send("POST", path, body)
    assert again.status_code == 200
    # A price without a currency counts where the others name one; beside `currency` it does not.
    assert "item-03" in item_ids(apparel.get(f"{POPULAR}?min_price=1"))
    assert "item-03" not in item_ids(apparel.get(f"{POPULAR}?min_price=1&currency=EUR"))


@pytest.mark.parametrize(
    ("query", "body", "field"),
    [
        ("category=A%20%3E", {"category": ["A >"]}, "category"),
        ("category=", {"category": [""]}, "category"),
        ("category=a%00", {"category": ["a\u0000"]}, "category"),
        ("currency=eur", {"currency": "eur"}, "currency"),
        ("currency=EUR%0A", {"currency": "EUR\n"}, "currency"),
        ("currency=", {"currency": 7}, "currency"),
        ("currency=EUR&currency=CHF", {"currency": ["EUR"]}, "currency"),
    ],
)
def test_an_invalid_filter_is_refused(
    service: Service, query: str, body: dict[str, object], field: str
) -> None:
    """The query and the bodies have the same rules."""
    replies = [
        service.get(f"{POPULAR}?{query}"),
        service.send("POST", "/v1/basket/recommendations", {"items": [], **body}),
        service.send("POST", "/v1/rankings", {"items": [], **body}),
        service.send("POST", "/v1/pages", {"placements": [{"name": "a", **body}]}),
    ]

    for reply in replies:
        assert reply.status_code == 400
        assert field in reply.get_data(as_text=True)


def test_bodies_filter_as_queries_do(apparel: Service) -> None:
    """A basket, a page and a ranking find the children of a category."""
    wanted = {"category": ["Apparel >Shoes"]}
    basket = apparel.send("POST", "/v1/basket/recommendations", {"items": [], **wanted})
    page = apparel.send("POST", "/v1/pages", {"placements": [{"name": "a", **wanted}]})
    given = {"items": rows(0, 1, 2, 3), **wanted}
    ranked = apparel.send("POST", "/v1/rankings", given)

    assert page.json is not None
    assert item_ids(basket) == rows(0, 3)
    assert [each["item_id"] for each in page.json["placements"][0]["items"]] == rows(0, 3)
    assert item_ids(ranked) == rows(0, 3)


def test_a_changed_category_applies_to_the_next_request(apparel: Service) -> None:
    """An item leaves and enters the lists of parents at once."""
    apparel.send("PATCH", "/v1/items/item-00", {"category": "Tools"})
    apparel.item("item-05", categories=["Apparel > New"])

    assert item_ids(apparel.get(f"{POPULAR}?category=Apparel")) == rows(1, 3, 5)
    assert item_ids(apparel.get(f"{POPULAR}?category=Apparel%20%3E%20New")) == rows(5)
