"""Items with recent events are in `trending`; without a model they also lead `popular`."""

from typing import Any

from werkzeug.test import TestResponse

from tests.contract.events.test_events import post
from tests.contract.grocery import ANNA, ITEMS, Service, item_ids, publish_grocery, rows

TRENDING = "/v1/recommendations?slate=trending&n="
POPULAR = "/v1/recommendations?n="


def send_events(service: Service, **interest: list[str]) -> None:
    """Send events of each type about the items, then refresh the counts of the worker."""
    events = [
        {"message_id": f"{kind} {number} {item}", "type": kind, "item_id": item}
        for kind, items in interest.items()
        for number, item in enumerate(items)
    ]
    assert post(service, *events).status_code == 200
    service.services.trending_cache.refresh()


def reasons(reply: TestResponse) -> list[Any]:
    assert reply.json is not None
    return [item["reason"]["code"] for item in reply.json["items"]]


def test_recent_events_make_items_trend(service: Service) -> None:
    """Items with recent events come by weight, before the trending items of the model."""
    send_events(service, view=rows(9, 9), purchase=rows(8), add_to_cart=rows(4))

    reply = service.get(f"{TRENDING}6")

    assert item_ids(reply) == rows(8, 4, 9, 2, 0, 1)
    assert reasons(reply) == ["trending"] * 4 + ["popular"] * 2
    assert item_ids(service.get(f"{POPULAR}3")) == rows(0, 1, 2)


def test_an_item_outside_the_model_can_trend(service: Service) -> None:
    """It also comes before other new items when lists are filled up."""
    for item in ("new-1", "new-2", "new-3"):
        service.item(item, category="new")
    send_events(service, view=["new-3", "made-up"], purchase=["new-2"])

    assert item_ids(service.get(f"{TRENDING}3")) == ["new-2", "new-3", ITEMS[4]]
    assert item_ids(service.get(f"{POPULAR}100")) == [*ITEMS, "new-2", "new-3", "new-1"]
    assert item_ids(service.get(f"{POPULAR}2&category=new")) == ["new-2", "new-3"]
    assert reasons(service.get(f"{POPULAR}2&category=new")) == ["popular", "popular"]


def test_events_count_once_their_item_is_in_the_catalogue(service: Service) -> None:
    """Events may arrive before their item is in the catalogue."""
    send_events(service, purchase=["late"])
    before = item_ids(service.get(f"{TRENDING}1"))
    service.item("late")

    assert before == [ITEMS[4]]
    assert item_ids(service.get(f"{TRENDING}1")) == ["late"]


def test_an_unavailable_item_does_not_trend(service: Service) -> None:
    """An unavailable item is left out, whatever its count."""
    send_events(service, purchase=rows(8, 9))
    service.item(ITEMS[8], in_stock=False)

    assert item_ids(service.get(f"{TRENDING}2")) == rows(9, 4)


def test_without_a_model_trending_items_lead_popular(bare_service: Service) -> None:
    """Trending items come first, then the catalogue; customers get the anonymous list."""
    bare_service.consent(ANNA)
    for item in ("a", "b", "c"):
        bare_service.item(item)
    send_events(bare_service, view=["c", "unknown"], purchase=["b"])

    replies = [
        bare_service.get(f"/v1/{path}")
        for path in ("recommendations", "customers/anna/recommendations", "recommendations?n=3")
    ]
    page = bare_service.send(
        "POST",
        "/v1/pages",
        {"placements": [{"name": "x", "slate": "popular", "n": 1}, {"name": "y"}]},
    )

    for reply in replies:
        assert item_ids(reply) == ["b", "c", "a"]
        assert reply.json is not None
        assert reply.json["fallback"] == "no_model"
        assert (reply.json["slate"], reply.json["model_version"]) == ("popular", None)
        assert not reply.json["personalized"]
    assert page.json is not None
    assert [[i["item_id"] for i in p["items"]] for p in page.json["placements"]] == [
        ["b"],
        ["c", "a"],
    ]


def test_the_first_model_is_used_by_the_next_request(bare_service: Service) -> None:
    """The next request after the first publication uses the model."""
    bare_service.item("a")
    before = item_ids(bare_service.get(f"{POPULAR}1"))
    publish_grocery(bare_service.stores, bare_service.shop)
    bare_service.registry.refresh()

    after = bare_service.get(f"{POPULAR}1")

    assert before == ["a"]
    assert item_ids(after) == rows(0)
    assert after.json is not None
    assert after.json["fallback"] is None


def test_counts_of_events_without_consent_identify_no_customer(
    service: Service,
) -> None:
    """The answers for the customer equal the anonymous answers."""
    event = {"message_id": "m", "type": "purchase", "item_id": ITEMS[9], "customer_id": ANNA}
    post(service, event)
    service.services.trending_cache.refresh()

    own = service.get("/v1/customers/anna/recommendations?n=12")
    other = service.get("/v1/customers/another/recommendations?n=12")

    assert item_ids(own) == item_ids(other) == ITEMS
