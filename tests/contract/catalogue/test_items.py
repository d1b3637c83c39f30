"""The live catalogue over HTTP: writes apply at once, and errors name the field."""

import pytest

from recsvc.domain.api_keys import Scope
from tests.contract.grocery import ANNA, ITEMS, Service, item_ids, rows

FULL = {
    "title": "Milk",
    "description": "Fresh.\nFrom one farm.",
    "url": "https://shop.example/milk",
    "image_url": "http://shop.example/milk.webp",
    "category": "Food > Dairy",
    "categories": ["Offers", "Food > Breakfast"],
    "brand": "Cow & Co",
    "price": 1.19,
    "currency": "EUR",
    "attributes": {"fat": 3.5, "litres": 1, "organic": True, "origin": "Alps"},
    "item_group_id": "milk-of-the-alps",
    "in_stock": True,
    "hidden": False,
    "sensitive": False,
    "available_from": "2026-01-01T00:00:00.000000Z",
    "available_until": "2036-01-01T00:00:00.000000Z",
}
LISTS = (
    "/v1/recommendations?n=12",
    "/v1/recommendations?n=12&slate=trending",
    "/v1/items/item-00/recommendations?n=12",
    "/v1/customers/anna/recommendations?n=12",
    "/v1/customers/anna/recommendations?n=12&slate=discover",
    "/v1/customers/anna/recommendations?n=12&slate=buy_again",
    "/v1/customers/nobody/recommendations?n=12",
    "/v1/recommendations?n=12&exclude=item-11&context_item=item-00",
)


def test_an_item_reads_back_as_it_was_put(service: Service) -> None:
    """GET returns every field of the item that was put, with its id."""
    put = service.send("PUT", "/v1/items/milk", FULL)
    got = service.get("/v1/items/milk")

    assert (put.status_code, got.status_code) == (200, 200)
    assert put.json == got.json == {"item_id": "milk", **FULL}
    assert service.send("PUT", "/v1/items/milk", got.json).status_code == 200


def test_a_patch_changes_only_the_given_fields(service: Service) -> None:
    """A patch changes price and stock, null clears a field, and all others stay."""
    service.item("milk", **FULL)

    reply = service.send("PATCH", "/v1/items/milk", {"price": 2, "in_stock": False, "brand": None})

    assert reply.json == {
        "item_id": "milk",
        **FULL,
        "price": 2.0,
        "in_stock": False,
        "brand": None,
    }


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_missing_item_is_not_found(service: Service, method: str) -> None:
    """An unknown item and a deleted item are both 404."""
    service.item("gone")
    service.send("DELETE", "/v1/items/gone", {})

    for name in ("never", "gone"):
        reply = service.send(method, f"/v1/items/{name}", {})
        assert reply.json is not None
        assert (reply.status_code, reply.json["code"]) == (404, "no_such_item")


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "fields",
    [
        {"hidden": True},
        {"in_stock": False},
        {"available_from": "2090-01-01T00:00:00Z"},
        {"available_until": "2020-01-01T00:00:00Z"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_an_unavailable_item_is_in_no_answer_from_the_next_request_on(
    service: Service, path: str, fields: dict[str, object]
) -> None:
    """No list contains the item, lists stay full, and an item that is available again returns at
    once."""
    service.consent(ANNA)
    before = item_ids(service.get(path))
    service.item(before[0], **fields)
    without = item_ids(service.get(path))
    service.send("PUT", f"/v1/items/{before[0]}", {})

    assert without == [item for item in before if item != before[0]]
    assert item_ids(service.get(path)) == before


def test_lists_stay_full(service: Service) -> None:
    """The next items of the list take the places of unavailable ones."""
    service.item(ITEMS[0], in_stock=False)
    service.item(ITEMS[1], hidden=True)

    assert item_ids(service.get("/v1/recommendations?n=3")) == rows(2, 3, 4)


def test_a_deleted_item_is_in_no_answer(service: Service) -> None:
    """A deleted item returns when it is put again; a model item without a record is available."""
    service.send("DELETE", f"/v1/items/{ITEMS[0]}", {})
    deleted = item_ids(service.get("/v1/recommendations?n=2"))
    service.item(ITEMS[0])

    assert deleted == rows(1, 2)
    assert item_ids(service.get("/v1/recommendations?n=2")) == rows(0, 1)


def test_every_worker_applies_a_change(service: Service) -> None:
    """A second worker catches up by the epoch in its Redis read."""
    other = Service(service.stores, service.shop)
    assert item_ids(other.get("/v1/recommendations?n=2")) == rows(0, 1)
    for item in rows(0, 1, 2):
        service.item(item, hidden=True)

        assert item not in item_ids(other.get("/v1/recommendations?n=12"))


def test_items_unknown_to_the_model_fill_lists_last(service: Service) -> None:
    """New items come last, because no customer has bought them yet."""
    service.item("new")

    assert item_ids(service.get("/v1/recommendations?n=100")) == [*ITEMS, "new"]


def test_a_sensitive_item_is_never_a_reason(service: Service) -> None:
    """The item that it explained stays in the customer's list, with a reason that names no item.

    The list of a sensitive item has none of its neighbours.
    """
    service.consent(ANNA)
    service.item("item-03", sensitive=True)
    service.item("item-00", sensitive=True)

    own = service.get("/v1/customers/anna/recommendations?n=1").json
    similar = service.get("/v1/items/item-00/recommendations?n=1").json

    assert own is not None
    assert similar is not None
    assert own["items"][0]["reason"] == {"code": "because_you_bought", "item_id": None}
    assert similar["items"][0]["reason"] == {"code": "popular", "item_id": None}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("price", -1),
        ("price", "1.19"),
        ("price", True),
        ("price", 1e13),
        ("url", "javascript:alert(1)"),
        ("url", "shop.example"),
        ("image_url", "https://"),
        ("title", ""),
        ("title", "x" * 513),
        ("title", "a\x00b"),
        ("category", "x" * 129),
        ("brand", 5),
        ("currency", "euro"),
        ("in_stock", None),
        ("hidden", "no"),
        ("sensitive", 1),
        ("available_from", "2026-01-01"),
        ("available_from", "2026-13-01T00:00:00Z"),
        ("available_until", 5),
        ("colour", "red"),
        ("item_id", "another"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_wrong_field_is_named_with_its_rule(
    grocery_service: Service, service: Service, method: str, field: str, value: object
) -> None:
    """The response is 400 `bad_item`, and nothing is written."""
    service.item("milk", **FULL)

    reply = service.send(method, "/v1/items/milk", {field: value})

    assert reply.json is not None
    assert (reply.status_code, reply.json["code"]) == (400, "bad_item")
    assert [error["field"] for error in reply.json["errors"]] == [field]
    assert service.get("/v1/items/milk").json == {"item_id": "milk", **FULL}


@pytest.mark.parametrize(
    ("field", "moment"),
    [
        ("available_until", "9999-12-31T23:59:59-23:59"),
        ("available_from", "0001-01-01T00:00:00+14:00"),
    ],
)
def test_a_time_outside_utc_is_refused(service: Service, field: str, moment: str) -> None:
    """A time that cannot be written in UTC is refused."""
    reply = service.send("PUT", "/v1/items/milk", {field: moment})

    assert reply.json is not None
    assert reply.status_code == 400
    assert [error["field"] for error in reply.json["errors"]] == [field]
    assert "from 1970 to 9999 in UTC" in reply.json["errors"][0]["detail"]
    assert service.get("/v1/items/milk").status_code == 404


def test_the_error_repeats_the_value_and_the_rule(service: Service) -> None:
    """The error names the value that was sent and the rule of the field."""
    reply = service.send("PUT", "/v1/items/milk", {"price": -1, "currency": "€"})

    assert reply.json is not None
    assert [error["detail"] for error in reply.json["errors"]] == [
        "-1 is not a number from 0 to 1000000000000",
        '"\\u20ac" is not three capital letters of ISO 4217, as EUR',
    ]


def test_availability_must_begin_before_it_ends(service: Service) -> None:
    """The order is checked too when two requests set the two times."""
    service.item("milk", available_from="2030-01-01T00:00:00Z")

    reply = service.send(
        "PATCH", "/v1/items/milk", {"available_until": "2030-01-01T00:00:00+00:00"}
    )

    assert reply.json is not None
    assert [error["field"] for error in reply.json["errors"]] == ["available_until"]


def test_each_line_has_its_own_result(service: Service) -> None:
    """The results are in the order of the lines."""
    lines = [{"item_id": "a", "price": 1}, {"item_id": "b", "price": -1}, {"title": "no id"}, [1]]

    reply = service.send("POST", "/v1/items", lines)

    assert reply.json is not None
    results = reply.json["results"]
    assert [result["status"] for result in results] == [201, 422, 422, 422]
    assert [result.get("code") for result in results] == [None, "bad_item", "bad_id", "bad_body"]
    assert service.get("/v1/items/a").status_code == 200
    assert service.get("/v1/items/b").status_code == 404


@pytest.mark.parametrize(
    "line", [b"{", b'{"item_id": "a", "price": NaN}', b'{"item_id":"a","item_id":"b"}', b"\xff"]
)
def test_a_line_that_is_no_json_is_refused_alone(service: Service, line: bytes) -> None:
    """A malformed line is refused, and the next line is written."""
    headers = {"Authorization": f"Bearer {service.keys.secret.text}"}
    reply = service.client.post(
        "/v1/items",
        data=line + b'\n\n{"item_id": "good"}\n',
        headers={**headers, "Content-Type": "application/x-ndjson"},
    )

    assert reply.json is not None
    assert [result["status"] for result in reply.json["results"]] == [422, 201]


def test_the_catalogue_requires_its_scope(service: Service) -> None:
    """Publishable keys and keys without the scope cannot write items."""
    narrow = service.secret_key(Scope.RECOMMEND)

    replies = [
        service.send(method, "/v1/items/milk", {}, key)
        for method in ("PUT", "PATCH", "GET", "DELETE")
        for key in (narrow, service.keys.browser.text)
    ]

    assert [reply.status_code for reply in replies] == [403] * 8
