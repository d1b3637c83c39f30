"""What is wanted now shows in `trending`, and where nothing else is known also in `popular`."""

from typing import Any

from werkzeug.test import TestResponse

from tests.contract.events.test_events import post
from tests.contract.grocery import ANNA, ITEMS, Service, item_ids, publish_grocery, rows

TRENDING = "/v1/recommendations?slate=trending&n="
POPULAR = "/v1/recommendations?n="


def tell(service: Service, **interest: list[str]) -> None:
    """Tell events of each type about the items; the worker looks at the counts."""
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


def test_what_happens_now_is_trending(service: Service) -> None:
    """By its weight, before what was trending when the model was made, and each item once."""
    tell(service, view=rows(9, 9), purchase=rows(8), add_to_cart=rows(4))

    reply = service.get(f"{TRENDING}6")

    assert item_ids(reply) == rows(8, 4, 9, 2, 0, 1)
    assert reasons(reply) == ["trending"] * 4 + ["popular"] * 2
    assert item_ids(service.get(f"{POPULAR}3")) == rows(0, 1, 2)


def test_an_item_that_only_the_catalogue_knows_can_trend(service: Service) -> None:
    """And it leads those that nobody has asked for yet, where lists are filled up."""
    for item in ("new-1", "new-2", "new-3"):
        service.item(item, category="new")
    tell(service, view=["new-3", "made-up"], purchase=["new-2"])

    assert item_ids(service.get(f"{TRENDING}3")) == ["new-2", "new-3", ITEMS[4]]
    assert item_ids(service.get(f"{POPULAR}100")) == [*ITEMS, "new-2", "new-3", "new-1"]
    assert item_ids(service.get(f"{POPULAR}2&category=new")) == ["new-2", "new-3"]
    assert reasons(service.get(f"{POPULAR}2&category=new")) == ["popular", "popular"]


def test_an_item_counts_once_it_is_known(service: Service) -> None:
    """Catalogues lag behind what shops sell."""
    tell(service, purchase=["late"])
    before = item_ids(service.get(f"{TRENDING}1"))
    service.item("late")

    assert before == [ITEMS[4]]
    assert item_ids(service.get(f"{TRENDING}1")) == ["late"]


def test_what_is_not_offered_does_not_trend(service: Service) -> None:
    """However much it is wanted."""
    tell(service, purchase=rows(8, 9))
    service.item(ITEMS[8], in_stock=False)

    assert item_ids(service.get(f"{TRENDING}2")) == rows(9, 4)


def test_without_a_model_what_is_wanted_is_popular(bare_service: Service) -> None:
    """Then the rest of the catalogue; the same for everybody, and the reason is told."""
    bare_service.consent(ANNA)
    for item in ("a", "b", "c"):
        bare_service.item(item)
    tell(bare_service, view=["c", "unknown"], purchase=["b"])

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


def test_the_first_model_takes_over(bare_service: Service) -> None:
    """With the next request, as any other."""
    bare_service.item("a")
    before = item_ids(bare_service.get(f"{POPULAR}1"))
    publish_grocery(bare_service.stores, bare_service.shop)
    bare_service.registry.refresh()

    after = bare_service.get(f"{POPULAR}1")

    assert before == ["a"]
    assert item_ids(after) == rows(0)
    assert after.json is not None
    assert after.json["fallback"] is None


def test_counts_that_events_without_consent_have_moved_tell_nobody_apart(
    service: Service,
) -> None:
    """Whose they were is in no answer: the customer's is everybody's."""
    event = {"message_id": "m", "type": "purchase", "item_id": ITEMS[9], "customer_id": ANNA}
    post(service, event)
    service.services.trending_cache.refresh()

    own = service.get("/v1/customers/anna/recommendations?n=12")
    other = service.get("/v1/customers/another/recommendations?n=12")

    assert item_ids(own) == item_ids(other) == ITEMS
