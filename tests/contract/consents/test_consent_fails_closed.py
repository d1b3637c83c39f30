"""Consent fails closed: a faulty store or record leads to no personal answer and no false
acknowledgement.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from werkzeug.test import TestResponse

from recsvc.config import Settings
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.wiring.stores import stores_at
from tests.contract.grocery import ANNA, Service, publish_grocery, without
from tests.integration.servers import fill, frozen, loading

PATH = "/v1/customers/anna/consents"
LIST = "/v1/customers/anna/recommendations"
OFFERS = "/v1/customers/anna/offers"
NO = {"purposes": {"personalization": False}}
YESTERDAYS = {"customer_id": ANNA, "purposes": {"email": False}, "at": "2026-01-01T00:00:00Z"}
VIEW = {"message_id": "m", "type": "view", "item_id": "item-00", "customer_id": ANNA}
HANG_SECONDS = 1.0  # far above the deadline of a fifth, since the machine may be busy


@dataclass(frozen=True)
class Deployment:
    server: EmbeddedValkey
    service: Service

    def redis(self) -> Any:
        return self.service.stores.connections.writes

    def record(self) -> str:
        stores, shop = self.service.stores, self.service.shop
        return redis_keys.customer(shop, stores.hasher(shop).key_of(ANNA))


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    """Start a grocery with its own server, where Anna has granted every purpose."""
    server = EmbeddedValkey(tmp_path)
    stores = stores_at(Settings(data_dir=tmp_path), server.join())
    shop = ShopName("default")
    publish_grocery(stores, shop)
    service = Service(stores, shop)
    service.consent(ANNA)
    yield Deployment(server, service)
    stores.connections.close()
    server.leave()


def test_a_read_only_replica_counts_as_unavailable(deployment: Deployment) -> None:
    """A read-only replica may lag behind a withdrawal, so answers are anonymous and writes are
    refused.
    """
    deployment.redis().replicaof("127.0.0.1", "1")
    replies = [deployment.service.get(path) for path in (LIST, OFFERS)]
    written = deployment.service.put(PATH, NO)
    lines = deployment.service.send("POST", "/v1/consents", [{**YESTERDAYS, "customer_id": "bert"}])
    deployment.redis().replicaof("NO", "ONE")

    assert (written.status_code, lines.status_code) == (503, 503)
    for reply in replies:
        assert (reply.status_code, reply.json["personalized"]) == (200, False)
        assert reply.json["fallback"] == "store_unavailable"
    assert deployment.service.get(LIST).json["personalized"] is True
    assert deployment.service.get(PATH).json["purposes"]["personalization"]["state"] == "granted"


def test_a_store_that_never_replies_is_answered_in_time(deployment: Deployment) -> None:
    """If the store accepts connections and never replies, lists are anonymous and no withdrawal is
    acknowledged.
    """
    with frozen(deployment.server.url):
        reply = deployment.service.get(LIST)
        written = deployment.service.put(PATH, NO)

    assert (reply.status_code, reply.json["personalized"]) == (200, False)
    assert reply.json["fallback"] == "store_unavailable"
    assert written.status_code == 503


def test_a_store_that_loads_its_data_counts_as_unavailable(
    deployment: Deployment, tmp_path: Path
) -> None:
    """While the store answers -LOADING, answers are anonymous, in time, and nothing is
    acknowledged. After the load the earlier consents apply again.
    """
    service, server = deployment.service, deployment.server
    service.send("PUT", "/v1/offers/deal", {"title": "A deal", "kind": "gift"})
    generic = service.get("/v1/recommendations")
    fill(server.url)
    server.leave()
    with loading(tmp_path):
        lists, offers = in_time(service, LIST), in_time(service, OFFERS)
        refused = [
            service.put(PATH, NO),
            service.send("PATCH", "/v1/customers/anna/profile", {"restricted": True}),
            service.client.delete("/v1/customers/anna", headers=key_of(service)),
            service.send("POST", "/v1/consents", [YESTERDAYS]),
            service.send("POST", f"{OFFERS}/deal/claim", {}),
            service.send("POST", "/v1/events", {"events": [VIEW]}),
        ]
    server.join()
    consents = service.get(PATH).json

    assert {reply.json["fallback"] for reply in (*lists, *offers)} == {"store_unavailable"}
    names = ("recommendation_id", "fallback")
    assert {json.dumps(without(reply.data, *names)) for reply in lists} == {
        json.dumps(without(generic.data, *names))
    }
    assert [reply.json["offers"] for reply in offers] == [[]] * len(offers)
    found = [(reply.status_code, reply.json["code"]) for reply in refused]
    assert found == [(503, "store_unavailable")] * len(refused)
    assert {each["state"] for each in consents["purposes"].values()} == {"granted"}
    assert service.get("/v1/customers/anna/profile").json["restricted"] is False


def in_time(service: Service, path: str) -> list[TestResponse]:
    """Send ten requests through a circuit breaker that opens; fail on a missing or late answer."""
    replies = []
    for _ in range(10):
        began = time.monotonic()
        replies.append(service.get(path))
        assert time.monotonic() - began < HANG_SECONDS
        assert replies[-1].status_code == 200
    return replies


def key_of(service: Service) -> dict[str, str]:
    return {"Authorization": f"Bearer {service.keys.secret.text}"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda redis, record: (redis.delete(record), redis.set(record, "granted")),
        lambda redis, record: (redis.delete(record), redis.rpush(record, "granted")),
        lambda redis, record: redis.hset(record, "purpose:personalization", "true"),
        lambda redis, record: redis.hset(record, "purpose:personalization", "1"),
        lambda redis, record: redis.hset(record, "purpose:personalization", b"\xff\x00"),
        lambda redis, record: redis.hset(record, "flag:restricted", "false"),
        lambda redis, record: redis.hset(record, "flag:of a later release", "1"),
    ],
)
def test_an_undecodable_consent_denies_and_is_counted(deployment: Deployment, spoil: Any) -> None:
    """An undecodable consent denies in answers, events and training, and the metric counts it."""
    before = REGISTRY.get_sample_value("recsvc_unreadable_consents_total") or 0
    spoil(deployment.redis(), deployment.record())
    reply = deployment.service.get(LIST)
    deployment.service.send("POST", "/v1/events", {"events": [VIEW]})

    assert (reply.status_code, reply.json["personalized"]) == (200, False)
    assert REGISTRY.get_sample_value("recsvc_unreadable_consents_total") == before + 1
    recent = deployment.record().replace(":customer:", ":recent:")
    assert deployment.redis().llen(recent) == 0


def test_a_record_of_another_type_acknowledges_nothing(deployment: Deployment) -> None:
    """A key of another Redis type refuses a live statement; an import reports that line and applies
    the others.
    """
    deployment.redis().delete(deployment.record())
    deployment.redis().set(deployment.record(), "granted")
    lines = [YESTERDAYS, {**YESTERDAYS, "customer_id": "bert"}]
    reply = deployment.service.send("POST", "/v1/consents", lines)

    assert deployment.service.put(PATH, NO).status_code == 503
    assert [each["status"] for each in reply.json["results"]] == [409, 201]
