"""Helpers that fill, erase and inspect a customer."""

from datetime import UTC, datetime
from typing import Any

from werkzeug.test import TestResponse

from recsvc.config import models_root
from recsvc.domain.values.ids import CustomerId
from recsvc.model.artifact.versions import Versions
from recsvc.model.publish import ManifestFacts, publish
from tests.contract.grocery import ANNA, Service, grocery

DAY_US = 86_400_000_000


def erase(service: Service, customer: CustomerId = ANNA, key: str = "") -> TestResponse:
    return service.send("DELETE", f"/v1/customers/{customer}", {}, key)


def receipt(service: Service, customer: CustomerId = ANNA) -> Any:
    reply = erase(service, customer)
    assert reply.status_code == 200, reply.data
    return reply.json


def fallback(service: Service, customer: CustomerId = ANNA) -> Any:
    reply = service.get(f"/v1/customers/{customer}/recommendations")
    assert reply.json is not None
    return reply.json["personalized"], reply.json["fallback"]


def send_event(service: Service, message: str, customer: CustomerId = ANNA, **more: str) -> None:
    event = {"message_id": message, "type": "purchase", "item_id": "item-05"}
    sent = {"events": [{**event, "customer_id": customer, **more}]}
    (result,) = service.send("POST", "/v1/events", sent).json["results"]
    assert result["status"] in (200, 201)


def train(service: Service, watermark_us: int | None) -> None:
    """Publish the same lists again, trained on the consents of that time."""
    stores = service.stores
    data = {"consents": {"watermark_us": watermark_us}}
    facts = ManifestFacts(stores.secret.fingerprint(), seed=1, data=data)
    versions = Versions(models_root(stores.settings), service.shop)
    publish(versions, grocery(stores, service.shop), facts, now=datetime.now(UTC))
    service.registry.refresh()


def key_of(service: Service, customer: CustomerId = ANNA) -> Any:
    return service.stores.hasher(service.shop).key_of(customer)


def keys_of(service: Service, customer: CustomerId = ANNA) -> set[str]:
    """Return the Redis keys of the customer, without the shop."""
    found = service.stores.connections.writes.keys(f"*{key_of(service, customer).hex()}*")
    return {name.decode().split(":")[1] for name in found}


def full_life(service: Service, customer: CustomerId = ANNA) -> None:
    """Write every kind of data of a customer."""
    service.consent(customer)
    profile = {"attributes": {"tier": "gold"}, "segments": ["vip"]}
    assert service.send("PATCH", f"/v1/customers/{customer}/profile", profile).status_code == 200
    for number in range(3):
        send_event(service, f"{customer}-{number}", customer)
