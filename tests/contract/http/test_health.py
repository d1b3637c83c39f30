"""Liveness, readiness and metrics, as load balancers and operators see them."""

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


def test_a_running_process_is_alive(bare_service: Service) -> None:
    """`/livez` answers 200 without a key and without a model."""
    reply = bare_service.get("/livez", key=None)

    assert (reply.status_code, reply.json) == (200, {"status": "alive"})


def test_without_a_key_readiness_has_no_details(service: Service) -> None:
    """With keys, store and model available, `/readyz` reports `ready` without details."""
    reply = service.get("/readyz", key=None)

    assert (reply.status_code, reply.json) == (200, {"status": "ready"})


def test_a_shop_without_a_model_is_not_ready(
    stores: Stores, shop: ShopName, tmp_path: Path
) -> None:
    """A shop without a model makes `/readyz` a 503 problem document with the code `no_model`."""
    without_model = Service(with_own_models(stores, tmp_path), shop)

    reply = without_model.get("/readyz", key=None)

    assert (reply.status_code, reply.content_type) == (503, "application/problem+json")
    assert reply.json is not None
    assert (reply.json["status"], reply.json["codes"]) == (503, ["no_model"])


def test_a_shop_added_after_the_start_makes_the_deployment_ready(
    stores: Stores, shop: ShopName, tmp_path: Path
) -> None:
    """A shop added after the start counts as ready once it has a model and a key."""
    stores = with_own_models(stores, tmp_path)
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


def test_a_service_without_shops_reports_a_missing_key(stores: Stores, tmp_path: Path) -> None:
    """A service without shops reports `no_key`."""
    request_read = RequestRead(stores.connections)
    registry = open_registry(with_own_models(stores, tmp_path).settings, stores.secret)

    assert Readiness(request_read, registry, []).deployment() == [NotReady.NO_KEY]


def test_an_operator_sees_the_served_and_the_rejected_version(service: Service) -> None:
    """A rejected version leaves the old one in service, and `/readyz` reports the reason."""
    good = service.registry.status(service.shop).version
    bad = publish_grocery(service.stores, service.shop, first="broken")
    folder = Versions(models_root(service.stores.settings), service.shop).folder(bad)
    (folder / "popular_items.npy").unlink()
    service.registry.refresh()

    reply = service.get("/readyz")

    assert (reply.status_code, reply.json and reply.json["pid"]) == (200, os.getpid())
    assert reply.json is not None
    status = reply.json["shops"][service.shop]
    assert (status["model_version"], status["rejected"]["version"]) == (good, bad)
    assert "popular_items.npy" in status["rejected"]["reason"]


def test_a_new_model_is_served_without_a_restart(service: Service) -> None:
    """After a refresh of the registry, requests use the new model version."""
    before = service.get("/v1/recommendations?n=1").json
    version = publish_grocery(service.stores, service.shop, first="a-novelty")
    service.registry.refresh()

    after = service.get("/v1/recommendations?n=1").json

    assert before is not None
    assert after is not None
    assert (after["model_version"], after["items"][0]["item_id"]) == (version, "a-novelty")
    assert before["model_version"] != version


@pytest.mark.parametrize("path", ["/metrics", "/readyz"])
def test_metrics_and_details_can_be_made_public(service: Service, path: str) -> None:
    """RECSVC_METRICS_PUBLIC=1 makes metrics and details available without a key."""
    settings = replace(service.stores.settings, metrics_public=True)
    public = Service(service.stores, service.shop, settings)

    reply = public.get(path, key=None)

    assert reply.status_code == 200
    assert service.shop.encode() in reply.data or b"recsvc_requests_total" in reply.data


def test_answers_are_counted_by_route_and_by_fallback(service: Service) -> None:
    """Each request raises the counters of its route and of its slate and fallback by one."""
    answered = {"slate": "popular", "fallback": "no_consent"}
    requests = {"route": "recommend_for_customer", "method": "GET", "status": "200"}
    service.consent(ANNA, {"personalization": False})
    before = [
        sample(service, "recsvc_requests_total", **requests),
        sample(service, "recsvc_recommendations_total", **answered),
    ]

    service.get("/v1/customers/anna/recommendations")

    after = [
        sample(service, "recsvc_requests_total", **requests),
        sample(service, "recsvc_recommendations_total", **answered),
    ]
    assert after == [value + 1 for value in before]


def test_unknown_paths_are_counted_under_one_name(service: Service) -> None:
    """Unknown paths share one metric label, so a scan does not create new time series."""
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
    """Metrics contain no customer ids and no item ids."""
    service.consent(ANNA)
    service.get("/v1/customers/anna/recommendations")

    text = service.get("/metrics").text

    assert "anna" not in text
    assert "item-0" not in text


def with_own_models(stores: Stores, folder: Path) -> Stores:
    """Return the same stores with a new data folder, since the registry loads every shop in it."""
    settings = replace(stores.settings, data_dir=folder)
    return replace(stores, settings=settings)


def sample(service: Service, name: str, **labels: str) -> float:
    """Return one value from `/metrics`; 0 if it is missing."""
    for family in text_string_to_metric_families(service.get("/metrics").text):
        for found in family.samples:
            if found.name == name and found.labels == labels:
                return float(found.value)
    return 0.0
