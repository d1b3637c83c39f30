"""`rotate`: items that were shown without a reaction move back."""

from typing import Any

import pytest

from tests.contract.grocery import ANNA, BERT, ITEMS, Service, item_ids, rows, without

OWN = f"/v1/customers/{ANNA}/recommendations"


@pytest.fixture
def shown(service: Service) -> Service:
    """Anna has consented, and has seen the first two items of her list."""
    service.consent(ANNA)
    send(service, "impression", item_ids(service.get(f"{OWN}?n=2")))
    return service


def send(service: Service, type_: str, items: list[str], customer: str = ANNA) -> None:
    events = [
        {"message_id": f"{type_} {item}", "type": type_, "customer_id": customer, "item_id": item}
        for item in items
    ]
    reply = service.send("POST", "/v1/events", {"events": events})
    assert reply.json is not None
    assert {each["status"] for each in reply.json["results"]} == {201}


def test_a_second_visit_shows_other_items(shown: Service) -> None:
    """With `rotate=1` the shown items follow the first page; without it nothing changes."""
    before, plain = item_ids(shown.get(f"{OWN}?n=6")), item_ids(shown.get(f"{OWN}?n=2"))

    assert plain == before[:2]
    assert item_ids(shown.get(f"{OWN}?n=2&rotate=1")) == before[2:4]
    assert item_ids(shown.get(f"{OWN}?n=2&rotate=0.25"))[0] == before[0]


def test_a_followed_impression_does_not_count(shown: Service) -> None:
    """An item that the customer viewed after it was shown keeps its place."""
    first = item_ids(shown.get(f"{OWN}?n=1"))
    send(shown, "view", first)

    assert item_ids(shown.get(f"{OWN}?n=2&rotate=1"))[0] == first[0]


def test_a_page_rotates_its_personal_lists(shown: Service) -> None:
    """`rotate` of a placement acts on its list."""
    body = {"customer_id": ANNA, "placements": [{"name": "top", "n": 2, "rotate": 1}]}
    reply = shown.send("POST", "/v1/pages", body)

    assert reply.json is not None
    found = [item["item_id"] for item in reply.json["placements"][0]["items"]]
    assert found == item_ids(shown.get(f"{OWN}?n=2&rotate=1"))


def test_without_consent_impressions_are_not_kept(service: Service) -> None:
    """The answer equals the anonymous one, and a later grant finds no impression."""
    send(service, "impression", ITEMS[:2], BERT)
    path = f"/v1/customers/{BERT}/recommendations?n=3&rotate=1"
    refused = service.get(path)
    anonymous = service.get("/v1/recommendations?n=3")
    service.consent(BERT)

    names = ("recommendation_id", "fallback")
    assert without(refused.data, *names) == without(anonymous.data, *names)
    assert item_ids(service.get(path)) == item_ids(service.get(path.replace("&rotate=1", "")))


def test_an_export_lists_the_impressions_and_an_erasure_removes_them(shown: Service) -> None:
    """Impressions are personal data of the customer."""
    export: Any = shown.get(f"/v1/customers/{ANNA}/export").json
    receipt: Any = shown.send("DELETE", f"/v1/customers/{ANNA}", {}).json

    assert {each["item_id"] for each in export["impressions"]} == {*rows(7, 0)}
    assert receipt["removed"]["impressions"] == 2


@pytest.mark.parametrize("query", ["rotate=2", "rotate=-1", "rotate=x", "rotate=1&offset=3"])
def test_a_wrong_rotation_is_refused(service: Service, query: str) -> None:
    """The error names the parameter."""
    reply = service.get(f"{OWN}?{query}")

    assert reply.json is not None
    assert reply.status_code == 400
    assert reply.json["errors"][0]["field"] in query
