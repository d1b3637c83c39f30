"""Ids with slashes on every route, and the methods of paths that contain an id."""

import re
from urllib.parse import quote

import pytest

from recsvc.domain.values.ids import PATH_PARTS
from recsvc.web.app import ROUTES
from tests.contract.grocery import Service

PRODUCT, PERSON = "gid://shopify/Product/1", "shop/12/anna"
AFTER_AN_ID = re.compile(r"<id:\w+>/(.*)")


def encoded(text: str) -> str:
    return quote(text, safe="")


def test_no_id_can_contain_a_fixed_part_of_a_path() -> None:
    """Each part of a path behind an id is one that ids must not have behind a slash."""
    parts = {
        part
        for route in ROUTES
        for rest in AFTER_AN_ID.findall(route.path)
        for part in rest.split("/")
        if not part.startswith("<")
    }

    assert parts == set(PATH_PARTS)


def test_an_item_and_a_customer_with_slashes_are_served(service: Service) -> None:
    """Catalogue, consent, events, lists and export take the same ids."""
    item, customer = f"/v1/items/{encoded(PRODUCT)}", f"/v1/customers/{encoded(PERSON)}"
    put = service.send("PUT", item, {"title": "Snowboard"})
    consent = service.put(f"{customer}/consents", {"purposes": {"personalization": True}})
    events = [{"message_id": "1", "type": "purchase", "customer_id": PERSON, "item_id": PRODUCT}]
    sent = service.send("POST", "/v1/events", {"events": events})
    listed = service.get(f"{customer}/recommendations?slate=buy_again").json
    exported = service.get(f"{customer}/export").json

    assert (put.status_code, consent.status_code, sent.json) == (
        200,
        200,
        {"results": [{"status": 201}]},
    )
    assert service.get(item).json["item_id"] == PRODUCT
    assert [each["item_id"] for each in listed["items"]] == [PRODUCT]
    assert exported["customer_id"] == PERSON


def test_an_offer_with_slashes_is_claimed(service: Service) -> None:
    """Two ids with slashes in one path are told apart."""
    offer, customer = "spring/10", f"/v1/customers/{encoded(PERSON)}"
    service.put(f"{customer}/consents", {"purposes": {"personalization": True, "offers": True}})
    body = {"title": "10 % off", "kind": "percent_off", "value": 10, "all": True}
    service.send("PUT", f"/v1/offers/{encoded(offer)}", body)
    claimed = service.send("POST", f"{customer}/offers/{encoded(offer)}/claim", {})

    assert claimed.status_code == 201, claimed.data


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/customers/x/consents", {"GET", "HEAD", "PUT", "OPTIONS"}),
        ("PUT", "/v1/items/x/recommendations", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "/v1/customers/x/merge", {"POST", "OPTIONS"}),
        ("GET", "/v1/customers/x/offers/y/claim", {"POST", "OPTIONS"}),
        ("POST", "/v1/customers/x/profile", {"GET", "HEAD", "PATCH", "PUT", "OPTIONS"}),
    ],
)
def test_a_wrong_method_names_those_of_the_path(
    service: Service, method: str, path: str, allowed: set[str]
) -> None:
    """The path is not read as an id, so 405 and OPTIONS list the methods of its route."""
    refused, options = service.send(method, path, {}), service.send("OPTIONS", path, {})

    assert refused.status_code == 405
    assert set(refused.headers["Allow"].split(", ")) == allowed
    assert set(options.headers["Allow"].split(", ")) == allowed
