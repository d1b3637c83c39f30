"""Whatever is wrong with the store or with what it holds: nobody is a person, no ack is false."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from recsvc.config import Settings
from recsvc.domain.ids import ShopName
from recsvc.stores import redis_keys
from recsvc.stores.embedded import EmbeddedValkey
from recsvc.wiring import stores_at
from tests.contract.grocery import ANNA, Service, publish_grocery
from tests.integration.servers import frozen

PATH = "/v1/customers/anna/consents"
LIST = "/v1/customers/anna/recommendations"
NO = {"purposes": {"personalization": False}}
YESTERDAYS = {"customer_id": ANNA, "purposes": {"email": False}, "at": "2026-01-01T00:00:00Z"}


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
    """A grocery with a server of its own, where Anna has permitted everything."""
    server = EmbeddedValkey(tmp_path)
    stores = stores_at(Settings(data_dir=tmp_path), server.join())
    shop = ShopName("default")
    publish_grocery(stores, shop)
    service = Service(stores, shop)
    service.consent(ANNA)
    yield Deployment(server, service)
    stores.connections.close()
    server.leave()


def test_a_replica_takes_no_withdrawal(deployment: Deployment) -> None:
    """READONLY: reading goes on, and what was not written is not acknowledged."""
    deployment.redis().replicaof("127.0.0.1", "1")
    written = deployment.service.put(PATH, NO)
    lines = deployment.service.send("POST", "/v1/consents", [{**YESTERDAYS, "customer_id": "bert"}])
    deployment.redis().replicaof("NO", "ONE")

    assert (written.status_code, lines.status_code) == (503, 503)
    assert deployment.service.get(PATH).json["purposes"]["personalization"]["state"] == "granted"


def test_a_black_hole_is_answered_in_time(deployment: Deployment) -> None:
    """A store that accepts and says nothing: not personal; no withdrawal is acknowledged."""
    with frozen(deployment.server.url):
        reply = deployment.service.get(LIST)
        written = deployment.service.put(PATH, NO)

    assert (reply.status_code, reply.json["personalized"]) == (200, False)
    assert reply.json["fallback"] == "store_unavailable"
    assert written.status_code == 503


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
def test_garbage_is_no_consent_and_is_counted(deployment: Deployment, spoil: Any) -> None:
    """In the answer, in the metric, in the log of events and in training."""
    before = REGISTRY.get_sample_value("recsvc_unreadable_consents_total") or 0
    spoil(deployment.redis(), deployment.record())
    reply = deployment.service.get(LIST)
    event = {"message_id": "m", "type": "view", "item_id": "item-00", "customer_id": ANNA}
    deployment.service.send("POST", "/v1/events", {"events": [event]})

    assert (reply.status_code, reply.json["personalized"]) == (200, False)
    assert REGISTRY.get_sample_value("recsvc_unreadable_consents_total") == before + 1
    recent = deployment.record().replace(":customer:", ":recent:")
    assert deployment.redis().llen(recent) == 0


def test_a_record_of_another_kind_acknowledges_nothing(deployment: Deployment) -> None:
    """WRONGTYPE: a live word is refused, a line told apart, and the other lines are taken."""
    deployment.redis().delete(deployment.record())
    deployment.redis().set(deployment.record(), "granted")
    lines = [YESTERDAYS, {**YESTERDAYS, "customer_id": "bert"}]
    reply = deployment.service.send("POST", "/v1/consents", lines)

    assert deployment.service.put(PATH, NO).status_code == 503
    assert [each["status"] for each in reply.json["results"]] == [409, 201]
