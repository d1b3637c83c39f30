"""Every metric, declared in one block, with few labels and none that names a customer or an item.

Each worker writes its own file below PROMETHEUS_MULTIPROC_DIR. `recsvc serve` makes that folder and
sets the variable first, because prometheus-client reads it when it is imported.
"""

import time
from collections.abc import Mapping
from functools import lru_cache

from flask import Flask, Response, request
from prometheus_client import Counter, Histogram

from recsvc.domain.catalogue.slates import Fallback
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.events import EventType
from recsvc.web.http.response_middleware import STARTED

NO_ROUTE = "none"

REQUESTS = Counter(
    "recsvc_requests_total", "Answers by route and status", ["route", "method", "status"]
)
SECONDS = Histogram(
    "recsvc_request_seconds",
    "Time from a request's arrival in the worker to its answer",
    ["route"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5),
)
RECOMMENDATIONS = Counter(
    "recsvc_recommendations_total",
    "Lists answered, by the slate of the answer and its fallback",
    ["slate", "fallback"],
)
CONSENT_WRITES = Counter(
    "recsvc_consent_writes_total", "Purposes granted and withdrawn", ["purpose", "granted"]
)
UNREADABLE_CONSENTS = Counter(
    "recsvc_unreadable_consents_total", "Requests whose consent record could not be decoded"
)
EVENTS = Counter("recsvc_events_total", "Events received, by result", ["type", "result"])
CLAIMS = Counter("recsvc_claims_total", "Claims, by result", ["result"])
DECISIONS = Counter(
    "recsvc_decisions_total", "Offer decisions, by the result of storing their records", ["result"]
)
RATE_LIMITED = Counter(
    "recsvc_rate_limited_total", "Requests refused by a rate limit, by the limit", ["by"]
)

_request_counter = lru_cache(512)(REQUESTS.labels)
_seconds_of = lru_cache(256)(SECONDS.labels)
_events_of = lru_cache(64)(EVENTS.labels)
_recommendations_of = lru_cache(128)(RECOMMENDATIONS.labels)


def count_answer(slate: str, fallback: Fallback | None) -> None:
    _recommendations_of(slate, fallback or "none").inc()


def count_consents(purposes: Mapping[Purpose, bool]) -> None:
    for purpose, granted in purposes.items():
        CONSENT_WRITES.labels(purpose, str(granted).lower()).inc()


def count_unreadable_consent() -> None:
    UNREADABLE_CONSENTS.inc()


def count_claim(result: str) -> None:
    CLAIMS.labels(result).inc()


def count_decisions(result: str, count: int) -> None:
    if count:
        DECISIONS.labels(result).inc(count)


def count_rate_limited(by: str) -> None:
    RATE_LIMITED.labels(by).inc()


def count_event(event: EventType | None, result: str) -> None:
    _events_of(event or "none", result).inc()


def count_requests(app: Flask) -> None:
    """Count every answer of the application, including refusals."""

    @app.after_request
    def count(response: Response) -> Response:
        route = request.endpoint or NO_ROUTE
        method = request.method if route != NO_ROUTE else NO_ROUTE
        _request_counter(route, method, response.status_code).inc()
        _seconds_of(route).observe(time.perf_counter() - request.environ[STARTED])
        return response
