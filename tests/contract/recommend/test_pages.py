"""Baskets and pages: several lists in one answer, and the customers that a key may name."""

from typing import Any

import pytest

from recsvc.stores.request_read import RequestRead
from tests.contract.grocery import ANNA, BERT, Service, item_ids, rows, without

BASKET = "/v1/basket/recommendations"
PAGES = "/v1/pages"


def page(service: Service, customer: str | None, *placements: dict[str, object]) -> list[Any]:
    body = {"placements": [{"name": f"p{i}", **each} for i, each in enumerate(placements)]}
    reply = service.send(
        "POST", PAGES, body if customer is None else {**body, "customer_id": customer}
    )
    assert reply.json is not None
    assert reply.status_code == 200, reply.data
    placed: list[Any] = reply.json["placements"]
    return placed


def ids_of(placed: list[Any]) -> list[list[str]]:
    return [[item["item_id"] for item in each["items"]] for each in placed]


def test_a_basket_is_completed(service: Service) -> None:
    """Items bought together come first, then similar items, then popular ones; never the basket
    itself."""
    reply = service.send("POST", BASKET, {"items": ["item-00", "unheard-of"], "n": 5})

    assert reply.json is not None
    assert item_ids(reply) == rows(9, 5, 6, 1, 2)
    assert (reply.json["slate"], reply.json["personalized"]) == ("bought_together", False)


def test_a_consenting_customer_personalizes_the_basket(service: Service) -> None:
    """The customer's list comes before popular items; without consent nothing differs."""
    body = {"items": ["item-02"], "n": 2}
    anonymous = service.send("POST", BASKET, body)
    refused = service.send("POST", BASKET, {**body, "customer_id": ANNA})
    service.consent(ANNA)
    own = service.send("POST", BASKET, {**body, "customer_id": ANNA})

    names = ("recommendation_id", "fallback")
    assert without(refused.data, *names) == without(anonymous.data, *names)
    assert item_ids(own) == rows(7, 0)
    assert own.json is not None
    assert own.json["personalized"] is True


def test_a_page_shows_no_item_twice(service: Service) -> None:
    """The first placement chooses first; the others continue with the remaining items."""
    service.consent(ANNA)

    placed = page(
        service,
        ANNA,
        {"slate": "for_you", "n": 3},
        {"slate": "similar", "context_item": "item-00", "n": 2},
        {"slate": "popular", "n": 3},
        {"slate": "buy_again", "n": 3},
    )

    assert ids_of(placed) == [rows(7, 0, 1), rows(5, 6), rows(2, 3, 4), []]
    assert [each["name"] for each in placed] == ["p0", "p1", "p2", "p3"]
    assert [each["personalized"] for each in placed] == [True, False, False, True]


def test_without_consent_a_page_equals_the_anonymous_one(service: Service) -> None:
    """The pages are equal in every member but the ids and the fallback."""
    placements = [{"slate": "for_you", "n": 3}, {"slate": "discover", "category": ["x"]}]
    service.consent(BERT, {"personalization": False})

    bare = [page(service, customer, *placements) for customer in (BERT, "stranger", None)]

    for placed in bare:
        for each in placed:
            each.pop("recommendation_id"), each.pop("fallback")
    assert bare[0] == bare[1] == bare[2]


def test_a_page_reads_redis_once(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of placements does not change the number of Redis reads."""
    trips: list[object] = []
    read = RequestRead.read
    monkeypatch.setattr(
        RequestRead,
        "read",
        lambda *words, **named: trips.append(words) or read(*words, **named),  # type: ignore[func-returns-value]
    )
    page(service, ANNA, *[{"slate": "popular"}] * 4)

    assert len(trips) == 1


@pytest.mark.parametrize("path", [BASKET, PAGES])
def test_a_browser_reaches_only_its_own_customer(service: Service, path: str) -> None:
    """Without a token a browser gets anonymous lists; any other customer is the same 403."""
    body = {"items": []} if path == BASKET else {"placements": [{"name": "a"}]}
    key, token = service.keys.browser.text, {"X-Customer-Token": service.keys.token(ANNA)}

    def ask(headers: dict[str, str], **more: str) -> int:
        sent = {"Authorization": f"Bearer {key}", **headers}
        return service.client.post(path, json={**body, **more}, headers=sent).status_code

    assert ask({}) == 200
    assert ask(token, customer_id=ANNA) == 200
    assert [ask(token, customer_id=BERT), ask({}, customer_id=ANNA)] == [403, 403]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (BASKET, {}, "items"),
        (BASKET, {"items": ["a/.."]}, "items[0]"),
        (BASKET, {"items": ["a"] * 201}, "items"),
        (BASKET, {"items": [], "customer_id": ".."}, "customer_id"),
        (BASKET, {"items": [], "min_price": 2, "max_price": 1}, "max_price"),
        (BASKET, {"items": [], "colour": "red"}, "colour"),
        (PAGES, {"placements": []}, "placements"),
        (PAGES, {"placements": [{"name": "a"}] * 21}, "placements"),
        (PAGES, {"placements": [{"name": "a", "slate": "best"}]}, "placements[0].slate"),
        (PAGES, {"placements": [{"name": "a", "n": 0}]}, "placements[0].n"),
        (PAGES, {"placements": [{"name": "a", "slate": "similar"}]}, "placements[0].context_item"),
    ],
)
def test_a_wrong_member_is_named(
    service: Service, path: str, body: dict[str, object], field: str
) -> None:
    """An invalid body is 400, with the path of the member."""
    reply = service.send("POST", path, body)

    assert reply.json is not None
    assert reply.status_code == 400
    assert [error["field"] for error in reply.json["errors"]] == [field]


def test_a_shop_without_a_model_answers_empty_lists(bare_service: Service) -> None:
    """The response is 200 with empty lists, as on the other routes."""
    basket = bare_service.send("POST", BASKET, {"items": ["a"]})

    assert item_ids(basket) == []
    assert ids_of(page(bare_service, ANNA, {}, {"slate": "trending"})) == [[], []]
