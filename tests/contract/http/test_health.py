"""Liveness, readiness and metrics: what the balancer sees, and what the operator does."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from recsvc.config import models_root
from recsvc.domain.values.ids import ShopName
from recsvc.model.artifact.versions import Versions
from recsvc.stores.request_read import RequestRead
from recsvc.usecases.readiness import NotReady, Readiness
from recsvc.wiring.services import open_registry
from recsvc.wiring.stores import Stores
from tests.contract.grocery import ANNA, Keys, Service, publish_grocery


def test_a_living_process_says_so(bare_service: Service) -> None:
    """Without a key and whatever else is missing."""
    reply = bare_service.get("/livez", key=None)

    assert (reply.status_code, reply.json) == (200, {"status": "alive"})


def test_the_public_learns_only_that_it_is_ready(service: Service) -> None:
    """Keys, store and model are there."""
    reply = service.get("/readyz", key=None)

    assert (reply.status_code, reply.json) == (200, {"status": "ready"})


def test_a_shop_without_a_model_is_not_ready(
    stores: Stores, shop: ShopName, tmp_path: Path
) -> None:
    """503 with the code `no_model`, as a problem document."""
    lonely = Service(elsewhere(stores, tmp_path), shop)

    reply = lonely.get("/readyz", key=None)

    assert (reply.status_code, reply.content_type) == (503, "application/problem+json")
    assert reply.json is not None
    assert (reply.json["status"], reply.json["codes"]) == (503, ["no_model"])


def test_a_shop_that_was_added_since_the_start_makes_the_deployment_ready(
    stores: Stores, shop: ShopName, tmp_path: Path
) -> None:
    """The balancer learns of it once its model is seen; without a key it is not ready yet."""
    stores = elsewhere(stores, tmp_path)
    started = Service(stores, shop)
    added = ShopName(f"{shop}-b")
    publish_grocery(stores, added)
    started.registry.refresh()
    keyless = started.get("/readyz", key=None)
    Keys.created_for(stores, added)

    ready = started.get("/readyz", key=None)

    assert keyless.json is not None
    assert (keyless.status_code, keyless.json["codes"]) == (503, ["no_model"])
    assert (ready.status_code, ready.json) == (200, {"status": "ready"})


def test_a_service_that_started_without_shops_says_that_a_key_is_missing(
    stores: Stores, tmp_path: Path
) -> None:
    """There is nobody yet whose model could be missing."""
    request_read = RequestRead(stores.connections)
    registry = open_registry(elsewhere(stores, tmp_path).settings, stores.secret)

    assert Readiness(request_read, registry, []).deployment() == [NotReady.NO_KEY]


def test_an_operator_learns_what_is_served_and_what_was_refused(service: Service) -> None:
    """A bad version leaves the old one in service, and the reason is told."""
    good = service.registry.status(service.shop).version
    bad = publish_grocery(service.stores, service.shop, first="broken")
    folder = Versions(models_root(service.stores.settings), service.shop).folder(bad)
    (folder / "popular_items.npy").unlink()
    service.registry.refresh()

    reply = service.get("/readyz")

    assert (reply.status_code, reply.json and reply.json["pid"]) == (200, os.getpid())
    assert reply.json is not None
    told = reply.json["shops"][service.shop]
    assert (told["model_version"], told["rejected"]["version"]) == (good, bad)
    assert "popular_items.npy" in told["rejected"]["reason"]


def test_a_new_model_is_answered_from_without_a_restart(service: Service) -> None:
    """The shelf swaps one reference."""
    before = service.get("/v1/recommendations?n=1").json
    version = publish_grocery(service.stores, service.shop, first="a-novelty")
    service.registry.refresh()

    after = service.get("/v1/recommendations?n=1").json

    assert before is not None
    assert after is not None
    assert (after["model_version"], after["items"][0]["item_id"]) == (version, "a-novelty")
    assert before["model_version"] != version


@pytest.mark.parametrize("path", ["/metrics", "/readyz"])
def test_metrics_and_details_can_be_opened_to_all(service: Service, path: str) -> None:
    """RECSVC_METRICS_PUBLIC=1 is for networks that are closed themselves."""
    settings = replace(service.stores.settings, metrics_public=True)
    public = Service(service.stores, service.shop, settings)

    reply = public.get(path, key=None)

    assert reply.status_code == 200
    assert service.shop.encode() in reply.data or b"recsvc_requests_total" in reply.data


def test_answers_are_counted_by_route_and_by_what_they_really_were(service: Service) -> None:
    """One request more is one more in the counters."""
    answered = {"slate": "popular", "fallback": "no_consent"}
    asked = {"route": "recommend_for_customer", "method": "GET", "status": "200"}
    service.consent(ANNA, {"personalization": False})
    before = [
        sample(service, "recsvc_requests_total", **asked),
        sample(service, "recsvc_recommendations_total", **answered),
    ]

    service.get("/v1/customers/anna/recommendations")

    after = [
        sample(service, "recsvc_requests_total", **asked),
        sample(service, "recsvc_recommendations_total", **answered),
    ]
    assert after == [value + 1 for value in before]


def test_unknown_paths_are_counted_under_one_name(service: Service) -> None:
    """A scan for holes must not grow the metrics."""
    for path in ("/a", "/b", "/c"):
        service.get(path)
    text = service.get("/metrics").text

    routes = {
        found.labels["route"]
        for family in text_string_to_metric_families(text)
        for found in family.samples
        if found.name == "recsvc_requests_total" and found.labels["status"] == "404"
    }

    assert "none" in routes
    assert not routes & {"/a", "/b", "/c"}


def test_no_metric_names_a_customer_or_an_item(service: Service) -> None:
    """Labels are few and fixed."""
    service.consent(ANNA)
    service.get("/v1/customers/anna/recommendations")

    text = service.get("/metrics").text

    assert "anna" not in text
    assert "item-0" not in text


def elsewhere(stores: Stores, folder: Path) -> Stores:
    """Return the same stores with models of their own: the shelf sees every shop of a folder."""
    settings = replace(stores.settings, data_dir=folder)
    return replace(stores, settings=settings)


def sample(service: Service, name: str, **labels: str) -> float:
    """Return one value of what `/metrics` answers; 0 before the first."""
    for family in text_string_to_metric_families(service.get("/metrics").text):
        for found in family.samples:
            if found.name == name and found.labels == labels:
                return float(found.value)
    return 0.0
