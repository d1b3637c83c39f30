"""The export: all data of one customer, and no data of another."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from recsvc.config import models_root
from recsvc.domain.api_keys import ALL_SCOPES, Scope
from recsvc.domain.consent.consent import DAY_US
from recsvc.domain.values.ids import CustomerId
from recsvc.domain.values.timestamps import rfc3339
from recsvc.web.routes.export import ExportView
from tests.consents import now_us
from tests.contract.customers.erasures import erase, full_life, key_of, send_event, train
from tests.contract.grocery import ANNA, BERT, ITEMS, LAST_DAY, ZOE, Service, publish_grocery
from tests.model_builders import flip_last_byte


def entry(item_id: str, score: float, code: str, because: str | None = None) -> dict[str, Any]:
    return {"item_id": item_id, "score": score, "reason": {"code": code, "item_id": because}}


def _day(day: int) -> str:
    return rfc3339(day * DAY_US)


NAMES = ["customer_id", "erased_at", "consents", "profile", "history", "events"]
LATER = [
    "impressions",
    "purchases",
    "orders",
    "refunds",
    "dismissed_items",
    "decisions",
    "claims",
    "offer_caps",
    "campaign_rows",
    "models",
]
LEARNED = {
    "lists": {
        "for_you": [
            entry("item-07", 0.9, "because_you_bought", "item-03"),
            entry("item-00", 0.8, "buy_again_due"),
        ],
        "discover": [entry("item-07", 0.9, "because_you_bought", "item-03")],
        "buy_again": [
            entry("item-00", 0.8, "buy_again_due"),
            entry("item-01", 0.7, "buy_again_due"),
        ],
    },
    "bought": [
        {"item_id": "item-03", "weight": 1.0},
        {"item_id": "item-00", "weight": 0.5},
        {"item_id": "item-01", "weight": 0.3333333},
    ],
    "orders": 3,
    "spent": 10.0,
    "first_order": _day(LAST_DAY - 100),
    "last_order": _day(LAST_DAY),
}


def export(service: Service, customer: CustomerId = ANNA) -> Any:
    reply = service.get(f"/v1/customers/{customer}/export")
    assert (reply.status_code, reply.content_type) == (200, "application/json")
    assert reply.headers["Cache-Control"] == "private, no-store"
    return json.loads(reply.data)


def test_its_parts_equal_the_answers_of_the_routes(service: Service) -> None:
    """Consents, profile and history equal the answers of their routes; events are as sent."""
    full_life(service)
    path = f"/v1/customers/{ANNA}"

    found = export(service)

    assert list(found) == [*NAMES, *LATER]
    assert set(found) == set(ExportView.__struct_fields__)
    assert found["customer_id"] == ANNA
    assert found["erased_at"] is None
    assert found["consents"] == service.get(f"{path}/consents").json
    assert found["profile"] == service.get(f"{path}/profile").json
    assert found["history"] == service.get(f"{path}/consents/history").json["rows"]
    assert [event["message_id"] for event in found["events"]] == ["anna-0", "anna-1", "anna-2"]
    assert {event["item_id"] for event in found["events"]} == {"item-05"}
    assert [found[name] for name in ("decisions", "claims", "campaign_rows")] == [[], [], []]


def test_it_holds_no_data_of_other_customers(service: Service) -> None:
    """The export skips the events of other customers in the log."""
    for number in range(3):
        for customer in (ANNA, BERT):
            service.consent(customer)
            send_event(service, f"{customer} {number}", customer)
    profile = {"attributes": {"tier": "berts"}}
    service.send("PATCH", f"/v1/customers/{BERT}/profile", profile)

    assert "bert" not in json.dumps(export(service))
    assert len(export(service, BERT)["events"]) == 3


def test_it_holds_recent_events_that_the_log_lacks(service: Service) -> None:
    """Recent events of a customer without `analytics` are exported, and none twice."""
    service.consent(ANNA, {"personalization": True})
    send_event(service, "one", timestamp="2026-01-02T03:04:05Z")

    (event,) = export(service)["events"]

    assert event == {
        "type": "purchase",
        "item_id": "item-05",
        "timestamp": "2026-01-02T03:04:05Z",
    }


def test_it_holds_the_purchase_history(service: Service) -> None:
    """Items, orders with amounts and a hash of the order id, refunds, and dismissals, in words."""
    service.consent(ANNA)
    at = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=2)
    for number, order in enumerate("AAB"):
        when = {"timestamp": (at + timedelta(hours=number)).isoformat(), "order_id": order}
        send_event(service, f"{number}", **when, price=1.5, quantity=number + 1)
    send_event(service, "back", type="refund", order_id="B", timestamp=at.isoformat())
    send_event(service, "no", type="item_dismissed", item_id="item-06", timestamp=at.isoformat())

    found = export(service)
    minute = "%Y-%m-%dT%H:%M:%SZ"
    orders = found["orders"]

    assert found["purchases"] == [
        {
            "item_id": "item-05",
            "times": 3,
            "last_at": (at + timedelta(hours=2)).strftime(minute),
        }
    ]
    assert [order["at"] for order in orders] == [
        (at + timedelta(hours=hours)).strftime(minute) for hours in (2, 1, 0)
    ]
    assert orders[1]["order"] == orders[2]["order"] != orders[0]["order"]
    assert orders[0]["lines"] == [{"item_id": "item-05", "paid": 4.5, "quantity": 3.0}]
    assert found["refunds"] == [
        {
            "order": orders[0]["order"],
            "at": at.strftime(minute),
            "item_id": "item-05",
            "quantity": None,
        }
    ]
    assert found["dismissed_items"] == [
        {"item_id": "item-06", "at": rfc3339(int(at.timestamp()) * 1_000_000), "cancelled": False}
    ]


def test_the_export_of_an_unknown_customer_is_empty(service: Service) -> None:
    """An unknown customer gets an empty export, not a 404."""
    found = export(service, ZOE)

    states = {each["state"] for each in found["consents"]["purposes"].values()}
    assert states == {"unknown"}
    assert (found["history"], found["events"], found["models"]) == ([], [], [])


def test_the_export_of_an_erased_customer_holds_the_history(service: Service) -> None:
    """The history remains, as proof of what was permitted, with the time of the erasure."""
    full_life(service)
    erase(service)

    found = export(service)

    assert found["erased_at"] is not None
    assert found["events"] == []
    assert found["history"][-1]["kind"] == "erase"
    assert found["profile"]["attributes"] == {}


def folder_of(service: Service, version: str) -> Path:
    return models_root(service.stores.settings) / service.shop / version


def test_it_holds_the_rows_of_every_version_on_disk(service: Service) -> None:
    """Lists with reasons and purchases are exported, also if no consent permits their use."""
    second = publish_grocery(service.stores, service.shop, first="another")
    changed = json.loads(json.dumps(LEARNED).replace("item-00", "another"))

    older, newer = export(service)["models"]

    manifest = json.loads((folder_of(service, second) / "manifest.json").read_bytes())
    assert older == {"version": older["version"], "created_at": older["created_at"], **LEARNED}
    assert newer == {"version": second, "created_at": manifest["created_at"], **changed}


def test_of_models_it_holds_the_customers_own_rows_alone(service: Service) -> None:
    """Rows of other customers in a model are not exported."""
    texts = {name: json.dumps(export(service, name)["models"]) for name in (ANNA, BERT)}
    named = {name: {item for item in ITEMS if item in text} for name, text in texts.items()}

    assert named == {
        ANNA: {"item-00", "item-01", "item-03", "item-07"},
        BERT: {"item-10", "item-11"},
    }


def test_versions_from_before_an_erasure_are_named_without_content(service: Service) -> None:
    """The files of earlier versions hold the rows until they are deleted; later versions are
    exported.
    """
    (before,) = export(service)["models"]
    erase(service)
    service.consent(ANNA)
    train(service, watermark_us=None)
    train(service, watermark_us=now_us())

    masked, of_unknown_consents, later = export(service)["models"]

    assert masked == {
        "version": before["version"],
        "created_at": before["created_at"],
        "holds_until_deleted": True,
    }
    assert of_unknown_consents.keys() == masked.keys()
    assert {name: later[name] for name in LEARNED} == LEARNED


def test_an_unreadable_version_is_named(service: Service) -> None:
    """An unreadable version is named without content, and the readable ones are exported."""
    damaged = publish_grocery(service.stores, service.shop, first="a")
    flip_last_byte(folder_of(service, damaged) / "for_you_items.npy")
    (sound, unreadable) = export(service)["models"]
    shutil.rmtree(folder_of(service, damaged))

    assert unreadable == {"version": damaged, "unreadable": True}
    assert export(service)["models"] == [sound]


def test_a_version_that_is_deleted_during_the_export_is_not_named(service: Service) -> None:
    """A version that is deleted while the export runs is omitted."""
    record = service.stores.consents.read(service.shop, key_of(service))
    held = service.stores.privacy.export(service.shop, key_of(service), record)
    shutil.rmtree(models_root(service.stores.settings) / service.shop)

    assert list(held.lists["models"]) == []


def test_many_events_come_in_parts(service: Service) -> None:
    """An export of many events spans several log reads and answer parts, without losses or
    duplicates.
    """
    service.consent(ANNA)
    for start in range(0, 1200, 400):
        events = [
            {"message_id": f"m{number}", "type": "view", "customer_id": ANNA, "item_id": "item-01"}
            for number in range(start, start + 400)
        ]
        service.send("POST", "/v1/events", {"events": events})

    found = [event["message_id"] for event in export(service)["events"] if "message_id" in event]

    assert found == [f"m{number}" for number in range(1200)]


def test_an_export_requires_the_scope_privacy(service: Service) -> None:
    """No other scope and no browser key may export."""
    path = f"/v1/customers/{ANNA}/export"

    assert service.get(path, service.secret_key(Scope.PRIVACY)).status_code == 200
    assert service.get(path, service.secret_key(*(ALL_SCOPES - {Scope.PRIVACY}))).status_code == 403
    assert service.as_browser(path, ANNA).status_code == 403
