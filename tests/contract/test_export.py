"""A copy of everything that is held of a customer, and of nobody else."""

import json
from typing import Any

from recsvc.domain.api_keys import ALL_SCOPES, Scope
from recsvc.domain.ids import CustomerId
from tests.contract.grocery import ANNA, BERT, ZOE, Service
from tests.contract.test_erasure import erase, full_life, tell

NAMES = ["customer_id", "erased_at", "consents", "profile", "history", "events"]
LATER = ["purchases", "decisions", "claims", "offer_caps", "campaign_rows"]


def export(service: Service, customer: CustomerId = ANNA) -> Any:
    reply = service.get(f"/v1/customers/{customer}/export")
    assert (reply.status_code, reply.content_type) == (200, "application/json")
    assert reply.headers["Cache-Control"] == "private, no-store"
    return json.loads(reply.data)


def test_it_holds_what_each_route_says(service: Service) -> None:
    """Consents, profile and history as they are answered elsewhere; events as they were sent."""
    full_life(service)
    path = f"/v1/customers/{ANNA}"

    found = export(service)

    assert list(found) == [*NAMES, *LATER]
    assert found["customer_id"] == ANNA
    assert found["erased_at"] is None
    assert found["consents"] == service.get(f"{path}/consents").json
    assert found["profile"] == service.get(f"{path}/profile").json
    assert found["history"] == service.get(f"{path}/consents/history").json["rows"]  # type: ignore[index]
    assert [event["message_id"] for event in found["events"]] == ["anna-0", "anna-1", "anna-2"]
    assert {event["item_id"] for event in found["events"]} == {"item-05"}
    assert [found[name] for name in ("decisions", "claims", "campaign_rows")] == [[], [], []]


def test_it_holds_nothing_of_anybody_else(service: Service) -> None:
    """Not a word of those whose events stand between."""
    for number in range(3):
        for customer in (ANNA, BERT):
            service.consent(customer)
            tell(service, f"{customer} {number}", customer)
    told = {"attributes": {"tier": "berts"}}
    service.send("PATCH", f"/v1/customers/{BERT}/profile", told)

    assert "bert" not in json.dumps(export(service))
    assert len(export(service, BERT)["events"]) == 3


def test_recent_events_that_are_in_no_log_are_held_as_well(service: Service) -> None:
    """Without `analytics` the log has none; once each otherwise."""
    service.consent(ANNA, {"personalization": True})
    tell(service, "one", timestamp="2026-01-02T03:04:05Z")

    (event,) = export(service)["events"]

    assert event == {
        "type": "purchase",
        "item_id": "item-05",
        "timestamp": "2026-01-02T03:04:05Z",
    }


def test_purchases_that_offers_count_are_held_as_well(service: Service) -> None:
    """With what was paid, and a mark that says which are one order."""
    service.consent(ANNA)
    for number, order in enumerate("AAB"):
        event = {"message_id": f"{number}", "type": "purchase", "item_id": "item-05"}
        said = {"timestamp": f"2026-01-02T03:04:0{number}.5Z", "order_id": order, "price": 1.5}
        sent = {"events": [{**event, **said, "customer_id": ANNA, "quantity": number + 1}]}
        service.send("POST", "/v1/events", sent)

    last, *found = export(service)["purchases"]

    assert [each["order"] for each in found] == [found[0]["order"]] * 2
    assert last.pop("order") != found[0]["order"]
    assert last == {"item_id": "item-05", "timestamp": "2026-01-02T03:04:02Z", "paid": 4.5}


def test_of_an_unknown_customer_nothing_is_held(service: Service) -> None:
    """Which is said, and is no 404."""
    found = export(service, ZOE)

    states = {each["state"] for each in found["consents"]["purposes"].values()}
    assert states == {"unknown"}
    assert (found["history"], found["events"]) == ([], [])


def test_of_an_erased_customer_the_changes_remain(service: Service) -> None:
    """Since they prove what was permitted; and that they were erased."""
    full_life(service)
    erase(service)

    found = export(service)

    assert found["erased_at"] is not None
    assert found["events"] == []
    assert found["history"][-1]["kind"] == "erase"
    assert found["profile"]["attributes"] == {}


def test_many_events_come_in_parts(service: Service) -> None:
    """More than one read of the log and one part of the answer, none lost and none twice."""
    service.consent(ANNA)
    for start in range(0, 1200, 400):
        events = [
            {"message_id": f"m{number}", "type": "view", "customer_id": ANNA, "item_id": "item-01"}
            for number in range(start, start + 400)
        ]
        service.send("POST", "/v1/events", {"events": events})

    found = [event["message_id"] for event in export(service)["events"] if "message_id" in event]

    assert found == [f"m{number}" for number in range(1200)]


def test_it_takes_the_scope_privacy(service: Service) -> None:
    """No other, and no browser."""
    path = f"/v1/customers/{ANNA}/export"

    assert service.get(path, service.secret_key(Scope.PRIVACY)).status_code == 200
    assert service.get(path, service.secret_key(*(ALL_SCOPES - {Scope.PRIVACY}))).status_code == 403
    assert service.as_browser(path, ANNA).status_code == 403
