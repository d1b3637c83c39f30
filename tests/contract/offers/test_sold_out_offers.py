"""Offers whose every item is unavailable are neither offered nor claimable."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.grocery import ANNA, ITEMS, ZOE, Service
from tests.contract.offers.test_claims import claim, code_of, put

TEA, COFFEE = ITEMS[2], ITEMS[3]
COVERAGE = [
    {"items": [TEA, COFFEE]},
    {"categories": ["Drinks"]},
    {"categories": ["Drinks > Hot"]},
    {"brands": ["Leaf"]},
    {"items": [TEA], "categories": ["Drinks > Hot"], "brands": ["Leaf"]},
]
FIELDS = {"category": "Drinks > Hot", "brand": "Leaf"}
YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).isoformat()
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()
AWAY: list[dict[str, Any] | None] = [
    {"in_stock": False},
    {"hidden": True},
    {"available_until": YESTERDAY},
    {"available_from": TOMORROW},
    None,
]


def set_items(service: Service, *fields: dict[str, Any] | None) -> None:
    """Write tea and coffee; None deletes the item."""
    for item, each in zip((TEA, COFFEE), fields, strict=True):
        if each is None:
            service.send("DELETE", f"/v1/items/{item}", {})
        else:
            service.item(item, **(FIELDS | each))


def offered(service: Service, customer: str = ANNA) -> list[str]:
    found = service.get(f"/v1/customers/{customer}/offers").json
    assert found is not None
    return [each["offer_id"] for each in found["offers"]]


def step(service: Service) -> str | None:
    found = service.get(f"/v1/customers/{ANNA}/offers?explain=true").json
    assert found is not None
    (considered,) = found["considered"]
    name: str | None = considered.get("step")
    return name


@pytest.mark.parametrize("coverage", COVERAGE, ids=str)
@pytest.mark.parametrize("away", AWAY, ids=["sold out", "hidden", "ended", "later", "deleted"])
def test_an_offer_without_an_available_item_is_refused(
    service: Service, coverage: dict[str, Any], away: dict[str, Any] | None
) -> None:
    """With consent and in the answer for all; one available item brings the offer back."""
    service.consent(ANNA)
    set_items(service, {}, {})
    put(service, **coverage)
    before = offered(service), offered(service, ZOE)
    set_items(service, away, away)
    after = offered(service), offered(service, ZOE), step(service), code_of(claim(service))
    set_items(service, {}, away)

    assert before == (["deal"], ["deal"])
    assert after == ([], [], "items", (409, "items_unavailable"))
    assert offered(service) == ["deal"]
    assert claim(service).status_code == 201


def test_offers_on_unknown_items_and_on_all_items_stay(service: Service) -> None:
    """Catalogues lag: an offer on items that nothing knows yet is offered, as one on all items."""
    service.consent(ANNA)
    put(service, "unknown", items=["not yet listed"])
    put(service, "category", categories=["Not yet listed"])
    put(service, "all", all=True)

    assert sorted(offered(service)) == ["all", "category", "unknown"]
