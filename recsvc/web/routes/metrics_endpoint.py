"""`/metrics`: the answering worker adds up the counts of all workers."""

import os

from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from recsvc.domain.api_keys import Scope
from recsvc.usecases.access.request_access import RouteAccess
from recsvc.web.http.route import Call, Route

MULTIPROCESS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def metrics(call: Call) -> Response:
    if not call.services.settings.metrics_public:
        call.authorize_request()
    headers = {"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "private, no-store"}
    return Response(generate_latest(_registry()), headers=headers)


def _registry() -> CollectorRegistry:
    if MULTIPROCESS_FOLDER not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


ROUTES = (
    Route(
        "GET",
        "/metrics",
        metrics,
        "Metrics for Prometheus",
        RouteAccess(Scope.OPS),
        query=None,
        media_type="text/plain",
        bypasses_limits=True,
        uses_write_timeout=False,
        name="metrics",
        tag="exposition",
    ),
)
