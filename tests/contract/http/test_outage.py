"""Store outages: popular items from the model, and refusals of consent, events and claims."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from recsvc.config import Settings
from recsvc.domain.api_keys import Scope
from recsvc.domain.values.ids import ShopName
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.wiring.stores import stores_at
from tests.contract.grocery import ANNA, Service, item_ids, publish_grocery, rows, without

PATIENCE_SECONDS = 10
LISTS = "/v1/customers/anna/recommendations?n=3"


@dataclass(frozen=True)
class Deployment:
    """A grocery with a store of its own, which a test may stop."""

    server: EmbeddedValkey
    service: Service


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    settings = Settings(data_dir=tmp_path)
    server = EmbeddedValkey(tmp_path)
    stores = stores_at(settings, server.join())
    shop = ShopName("default")
    publish_grocery(stores, shop)
    service = Service(stores, shop)
    service.consent(ANNA)
    yield Deployment(server, service)
    stores.connections.close()
    server.leave()


def test_recommendations_are_answered_without_the_store(deployment: Deployment) -> None:
    """In an outage cached keys still get popular, anonymous recommendations on every route."""
    generic = deployment.service.get("/v1/recommendations?n=3")
    deployment.server.leave()

    replies = [
        deployment.service.get(path)
        for path in (LISTS, "/v1/items/item-00/recommendations?n=3", "/v1/recommendations?n=3")
    ]
    browser = deployment.service.as_browser(LISTS, ANNA)

    assert [reply.status_code for reply in replies] == [200, 200, 200]
    assert [item_ids(reply) for reply in replies] == [rows(0, 1, 2), rows(5, 6, 1), rows(0, 1, 2)]
    assert [reply.json and reply.json["fallback"] for reply in replies] == [
        "store_unavailable",
        None,
        None,
    ]
    assert browser.json is not None
    assert browser.json["fallback"] is None
    names = ("recommendation_id", "fallback")
    assert without(replies[0].data, *names) == without(generic.data, *names)


def test_no_offers_are_shown_without_the_store(deployment: Deployment) -> None:
    """In an outage the offers are an empty 200; only a secret key sees the fallback."""
    service = deployment.service
    service.consent(ANNA)
    service.send("PUT", "/v1/offers/deal", DEAL)
    path = f"/v1/customers/{ANNA}/offers"
    before = service.get(path).json
    deployment.server.leave()
    outage = service.get(f"{path}?explain=true")
    seen = service.as_browser(path, ANNA).json

    assert before is not None
    assert [each["offer_id"] for each in before["offers"]] == ["deal"]
    assert outage.status_code == 200
    assert outage.json is not None
    answer = without(outage.data, "decision_id")
    expected = {"personalized": False, "fallback": "store_unavailable", "offers": []}
    assert answer == expected | {"considered": []}
    assert seen is not None
    assert (seen["fallback"], seen["offers"]) == (None, [])


def test_an_answer_without_the_store_is_in_time(deployment: Deployment) -> None:
    """An outage costs the deadline at first, and almost no time once the breaker is open."""
    deployment.server.leave()
    took = []
    for _ in range(20):
        started = time.perf_counter()
        deployment.service.get(LISTS)
        took.append(time.perf_counter() - started)

    assert max(took) < 1.0
    assert sorted(took)[10] < 0.2


def test_consent_is_refused_without_the_store(deployment: Deployment) -> None:
    """In an outage consent routes answer 503 with Retry-After, for reads and for writes."""
    deployment.server.leave()
    path = "/v1/customers/anna/consents"

    replies = [
        deployment.service.get(path),
        deployment.service.put(path, {"purposes": {"personalization": False}}),
    ]

    assert [reply.status_code for reply in replies] == [503, 503]
    assert [reply.json and reply.json["code"] for reply in replies] == ["store_unavailable"] * 2
    assert [reply.headers["Retry-After"] for reply in replies] == ["1", "1"]


def test_events_are_refused_without_the_store(deployment: Deployment) -> None:
    """In an outage events are refused with 503 and Retry-After, so the sender keeps them."""
    batch = {"events": [{"message_id": "m", "type": "view", "item_id": "item-00"}]}
    deployment.server.leave()

    away = deployment.service.send("POST", "/v1/events", batch)

    assert (away.status_code, away.headers["Retry-After"]) == (503, "1")
    assert away.json is not None
    assert away.json["code"] == "store_unavailable"


CLAIM = "/v1/customers/anna/offers/deal/claim"
DEAL = {"title": "A deal", "kind": "gift"}


def test_offers_and_claims_are_refused_without_the_store(deployment: Deployment) -> None:
    """In an outage offers, claims and decisions answer 503 with Retry-After."""
    service = deployment.service
    service.send("PUT", "/v1/offers/deal", DEAL)
    deployment.server.leave()

    replies = [
        service.send("POST", CLAIM, {}),
        service.send("POST", "/v1/claims/x/release", {}),
        service.send("PUT", "/v1/offers/deal", DEAL),
        service.send("POST", "/v1/offers", [{"offer_id": "deal", **DEAL}]),
        service.get("/v1/offers/deal"),
        service.get("/v1/offers"),
        service.get("/v1/decisions/x"),
    ]

    found = [(reply.status_code, reply.headers.get("Retry-After")) for reply in replies]
    assert found == [(503, "1")] * len(replies)


def test_an_almost_full_store_accepts_no_claims(deployment: Deployment) -> None:
    """An almost full store refuses claims and accepts releases."""
    service, redis = deployment.service, deployment.service.stores.connections.writes
    service.send("PUT", "/v1/offers/deal", DEAL)
    held = service.send("POST", CLAIM, {})
    assert held.json is not None
    redis.config_set("maxmemory", int(redis.info("memory")["used_memory"] / 0.9))
    full = service.send("POST", CLAIM, {})
    released = service.send("POST", f"/v1/claims/{held.json['claim_id']}/release", {})
    redis.config_set("maxmemory", 0)

    assert full.json is not None
    assert (full.status_code, full.json["code"]) == (503, "store_full")
    assert released.status_code == 200


def test_an_almost_full_store_accepts_withdrawals_and_no_events(deployment: Deployment) -> None:
    """An almost full store refuses events with `store_full`; withdrawals and lists still work."""
    service, redis = deployment.service, deployment.service.stores.connections.writes
    batch = {"events": [{"message_id": "m", "type": "view", "item_id": "item-00"}]}
    redis.config_set("maxmemory", int(redis.info("memory")["used_memory"] / 0.9))

    full = service.send("POST", "/v1/events", batch)
    withdrawn = service.put("/v1/customers/anna/consents", {"purposes": {"email": False}})
    listed = service.get(LISTS)
    redis.config_set("maxmemory", 0)
    again = service.send("POST", "/v1/events", batch)

    assert (full.status_code, full.headers["Retry-After"]) == (503, "1")
    assert full.json is not None
    assert full.json["code"] == "store_full"
    assert (withdrawn.status_code, listed.status_code) == (200, 200)
    assert again.json == {"results": [{"status": 201}]}


def test_withdrawals_and_events_wait_for_a_slow_store(
    deployment: Deployment,
) -> None:
    """Withdrawals and events wait for a slow store, even when lists have already given up."""
    service, redis = deployment.service, deployment.service.stores.connections.writes
    batch = {"events": [{"message_id": "m", "type": "view", "item_id": "item-00"}]}
    denial = {"purposes": {"email": False}}

    redis.execute_command("CLIENT", "PAUSE", 500)
    lists = {service.get(LISTS).json["fallback"] for _ in range(6)}
    withdrawn = service.put("/v1/customers/anna/consents", denial)
    redis.execute_command("CLIENT", "PAUSE", 500)
    accepted = service.send("POST", "/v1/events", batch)

    assert lists == {"store_unavailable"}
    assert (withdrawn.status_code, accepted.status_code) == (200, 200)


def test_keys_are_still_checked_without_the_store(deployment: Deployment) -> None:
    """In an outage keys are checked against the cache; unknown keys are refused."""
    narrow = deployment.service.secret_key(Scope.CONSENT)
    known = deployment.service.get("/v1/recommendations", narrow).status_code
    deployment.server.leave()

    refused = [
        deployment.service.get("/v1/recommendations", key).status_code
        for key in (narrow, "sk_default_" + "A" * 43)
    ]

    assert (known, refused) == (403, [403, 401])


def test_an_outage_makes_the_service_not_ready(deployment: Deployment) -> None:
    """In an outage `/readyz` is a 503 with the code `store_unavailable`."""
    deployment.server.leave()

    public = deployment.service.get("/readyz", key=None)

    assert public.status_code == 503
    assert public.json is not None
    assert public.json["codes"] == ["store_unavailable"]
    assert set(public.json) == {"type", "title", "status", "code", "detail", "errors", "codes"}


def test_the_service_recovers_by_itself(deployment: Deployment) -> None:
    """When the store is back, lists are personalized again without a restart."""
    deployment.server.leave()
    for _ in range(10):
        deployment.service.get(LISTS)
    deployment.server.join()
    deadline = time.monotonic() + PATIENCE_SECONDS
    personal = False
    while not personal and time.monotonic() < deadline:
        reply = deployment.service.get(LISTS)
        personal = bool(reply.json and reply.json["personalized"])

    assert personal
