"""`similar` and `bought_together` of items that the model does not know, and sensitive items."""

import pytest

from tests.contract.grocery import Service, item_ids, rows


def similar(service: Service, item: str, query: str = "") -> str:
    return f"/v1/items/{item}/recommendations?slate=similar{query}"


@pytest.fixture
def with_new_item(service: Service) -> Service:
    """`new` is in the category of items 4 and 5; items 2 and 3 are in its parent."""
    for item, category in [*zip(rows(4, 5), ["Drinks > Tea"] * 2, strict=True)]:
        service.item(item, category=category)
    for item in rows(2, 3):
        service.item(item, category="Drinks > Coffee")
    service.item("new", category="Drinks > Tea")
    return service


def test_an_item_newer_than_the_model_gets_its_category(with_new_item: Service) -> None:
    """The best of its category come first, then of the parent, then the best of all."""
    answer = with_new_item.get(similar(with_new_item, "new", "&n=6")).json

    assert answer is not None
    assert [each["item_id"] for each in answer["items"]] == rows(4, 5, 2, 3, 0, 1)
    assert (answer["slate"], answer["fallback"]) == ("similar", None)
    codes = [each["reason"]["code"] for each in answer["items"]]
    assert codes == ["popular_in_category"] * 4 + ["popular"] * 2


def test_an_unknown_item_is_said(with_new_item: Service) -> None:
    """Without neighbours and category the answer is the popular list, and says why."""
    answer = with_new_item.get(similar(with_new_item, "unheard-of")).json

    assert answer is not None
    assert (answer["slate"], answer["fallback"]) == ("popular", "unknown_item")


def test_a_browser_does_not_learn_the_fallback(with_new_item: Service) -> None:
    """A publishable key gets the same items and a null fallback."""
    answer = with_new_item.as_browser(similar(with_new_item, "unheard-of")).json

    assert answer is not None
    assert (answer["slate"], answer["fallback"]) == ("popular", None)


@pytest.mark.parametrize("slate", ["similar", "bought_together"])
def test_a_sensitive_item_is_in_no_list_of_another_item(service: Service, slate: str) -> None:
    """An item that becomes sensitive leaves the lists of all items, and has no neighbours."""
    path = f"/v1/items/item-00/recommendations?slate={slate}&n=12"
    nearest = item_ids(service.get(path))[0]
    service.item(nearest, sensitive=True)
    service.item("item-00", sensitive=True)

    answer = service.get(path).json

    assert answer is not None
    assert nearest not in [each["item_id"] for each in answer["items"]]
    assert answer["slate"] == "popular"


def test_a_sensitive_item_completes_no_basket(service: Service) -> None:
    """It neither enters the answer nor votes."""
    body = {"items": ["item-00"], "n": 12}
    first = item_ids(service.send("POST", "/v1/basket/recommendations", body))[0]
    service.item(first, sensitive=True)

    assert first not in item_ids(service.send("POST", "/v1/basket/recommendations", body))
