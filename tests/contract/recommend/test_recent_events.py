"""Recent events change the next answer, on every worker."""

from typing import Any

import pytest

from recsvc.domain.values.ids import CustomerId
from recsvc.domain.values.timestamps import rfc3339
from recsvc.wiring.stores import Stores
from tests.consents import now_us
from tests.contract.grocery import ANNA, ZOE, Service, item_ids, rows


@pytest.fixture
def other_worker(stores: Stores, service: Service) -> Service:
    """Return another worker of the same shop, which shares only the store."""
    return Service(stores, service.shop)


def happened(service: Service, customer: CustomerId, kind: str, item: str) -> None:
    event = {"message_id": f"{kind}-{item}", "type": kind, "item_id": item, "customer_id": customer}
    reply = service.send("POST", "/v1/events", {"events": [event]})
    assert reply.status_code == 200, reply.data
    assert [result["status"] for result in reply.json["results"]] == [201]


def asked(service: Service, customer: CustomerId, slate: str, n: int = 12) -> Any:
    reply = service.get(f"/v1/customers/{customer}/recommendations?slate={slate}&n={n}")
    assert reply.status_code == 200, reply.data
    assert reply.json is not None
    return reply.json


def test_a_purchase_is_on_cooldown_at_once(service: Service, other_worker: Service) -> None:
    """The item is last in `for_you` and `buy_again`, and not in `discover`."""
    service.consent(ANNA)
    happened(service, ANNA, "purchase", rows(0)[0])
    happened(service, ANNA, "purchase", rows(7)[0])
    for_you, discover, again = (
        [item["item_id"] for item in asked(other_worker, ANNA, slate)["items"]]
        for slate in ("for_you", "discover", "buy_again")
    )

    assert for_you[-2:] == rows(7, 0)
    assert again == rows(1, 0)
    assert not set(rows(0, 7)) & set(discover)


def test_a_view_adds_neighbours(service: Service, other_worker: Service) -> None:
    """The nearest neighbour comes first, with the viewed item as the reason."""
    service.consent(ANNA)
    happened(service, ANNA, "view", rows(0)[0])
    answer = asked(other_worker, ANNA, "for_you", n=4)

    assert [item["item_id"] for item in answer["items"]] == rows(7, 0, 5, 6)
    assert answer["items"][2]["reason"] == {"code": "because_you_viewed", "item_id": rows(0)[0]}


def test_an_unknown_customer_is_personal_from_the_first_event(
    service: Service, other_worker: Service
) -> None:
    """Before the event the answer is anonymous."""
    service.consent(ZOE)
    before = asked(other_worker, ZOE, "for_you")
    happened(service, ZOE, "add_to_cart", rows(1)[0])
    after = asked(other_worker, ZOE, "for_you")

    assert (before["personalized"], before["fallback"]) == (False, "unknown_customer")
    assert (after["personalized"], after["fallback"]) == (True, None)
    assert after["items"][0]["reason"] == {"code": "because_you_viewed", "item_id": rows(1)[0]}


def test_purchases_do_not_displace_an_earlier_view(service: Service, other_worker: Service) -> None:
    """The history ranks the purchases; the viewed item alone votes for its neighbours."""
    service.consent(ZOE)
    happened(service, ZOE, "view", rows(0)[0])
    for item in rows(1, 2, 3, 4, 7, 8, 9, 10):
        happened(service, ZOE, "purchase", item)
    answer = asked(other_worker, ZOE, "for_you")
    viewed = {"code": "because_you_viewed", "item_id": rows(0)[0]}

    assert [item["item_id"] for item in answer["items"][:2]] == rows(1, 5)
    assert answer["items"][1]["reason"] == viewed


@pytest.mark.parametrize("kind", ["view", "add_to_cart", "purchase"])
def test_an_event_older_than_the_history_does_not_steer(
    service: Service, other_worker: Service, kind: str
) -> None:
    """An event told now, of more than 180 days ago, leaves every list as it was."""
    service.consent(ZOE)
    old = rfc3339(now_us() - 181 * 86_400_000_000)
    event = {"message_id": kind, "type": kind, "item_id": rows(0)[0], "customer_id": ZOE}
    reply = service.send("POST", "/v1/events", {"events": [{**event, "timestamp": old}]})
    answers = [asked(other_worker, ZOE, slate) for slate in ("for_you", "discover")]

    assert reply.json == {"results": [{"status": 201}]}
    assert [each["personalized"] for each in answers] == [False, False]
    assert {each["fallback"] for each in answers} == {"unknown_customer"}


def test_a_withdrawal_applies_at_once(service: Service, other_worker: Service) -> None:
    """Events are not used after a withdrawal, and are used again after a new grant."""
    service.consent(ZOE)
    happened(service, ZOE, "view", rows(1)[0])
    service.consent(ZOE, {"personalization": False})
    refused = other_worker.get(f"/v1/customers/{ZOE}/recommendations")
    anybody = other_worker.get("/v1/recommendations")
    service.consent(ZOE, {"personalization": True})

    assert refused.json["fallback"] == "no_consent"
    assert item_ids(refused) == item_ids(anybody)
    assert asked(other_worker, ZOE, "for_you")["personalized"]


def test_events_rerank_baskets_and_pages_too(service: Service, other_worker: Service) -> None:
    """The same events rerank the lists of baskets and pages."""
    service.consent(ZOE)
    happened(service, ZOE, "view", rows(0)[0])
    basket = {"items": rows(3), "customer_id": ZOE, "n": 2}
    page = {
        "customer_id": ZOE,
        "placements": [
            {"name": "top", "slate": "for_you", "n": 1},
            {"name": "new", "slate": "discover", "n": 1},
        ],
    }
    completed = other_worker.send("POST", "/v1/basket/recommendations", basket)
    placed = other_worker.send("POST", "/v1/pages", page).json["placements"]

    assert item_ids(completed) == rows(5, 6)
    assert completed.json["personalized"]
    assert [item["item_id"] for each in placed for item in each["items"]] == rows(5, 6)
