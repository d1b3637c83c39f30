"""Liveness and readiness of a worker.

Public answers hold only what a load balancer needs. Details need a key of scope `ops`, or
`RECSVC_METRICS_PUBLIC=1`.
"""

import os
from collections.abc import Iterable

import msgspec
from flask import Response

from recsvc.domain.api_keys import Scope
from recsvc.domain.values.ids import ShopName
from recsvc.usecases.access.request_access import RouteAccess
from recsvc.usecases.readiness import NotReady, ShopReadiness
from recsvc.web.http.problems import PROBLEM, RETRY_AFTER_SECONDS, FieldProblem, Problem
from recsvc.web.http.rendering import JSON
from recsvc.web.http.route import Call, Route


class Alive(msgspec.Struct, frozen=True):
    status: str = "alive"


class Ready(msgspec.Struct, frozen=True, omit_defaults=True):
    """The worker is ready. With a key: also the worker's process id and its model of each shop."""

    status: str
    pid: int | None = None
    shops: dict[ShopName, ShopReadiness] | None = None


class Unready(Problem, frozen=True, kw_only=True, omit_defaults=True):
    """The worker is not ready, with the reasons."""

    errors: list[FieldProblem]  # a field without a default is never left out
    codes: list[NotReady]
    pid: int | None = None
    shops: dict[ShopName, ShopReadiness] | None = None


def livez(_call: Call) -> Response:
    return _answer(Alive(), 200, JSON)


def readyz(call: Call) -> Response:
    if call.has_key:
        return _details(call, [call.authorize_request().shop])
    if call.services.settings.metrics_public:
        return _details(call, call.services.readiness.shops)
    return _render(call.services.readiness.deployment())


def _details(call: Call, shops: Iterable[ShopName]) -> Response:
    readiness = call.services.readiness
    details = {shop: readiness.shop(shop) for shop in shops}
    codes = min((shop.codes for shop in details.values()), key=len, default=[NotReady.NO_KEY])
    return _render(codes, os.getpid(), details)


def _render(
    codes: list[NotReady],
    pid: int | None = None,
    shops: dict[ShopName, ShopReadiness] | None = None,
) -> Response:
    if not codes:
        return _answer(Ready("ready", pid, shops), 200, JSON)
    problem = Unready(
        type="urn:recsvc:problem:not_ready",
        title="Not ready",
        status=503,
        code="not_ready",
        detail="not ready: " + ", ".join(codes),
        errors=[],
        codes=codes,
        pid=pid,
        shops=shops,
    )
    response = _answer(problem, 503, PROBLEM)
    response.headers["Retry-After"] = RETRY_AFTER_SECONDS
    return response


def _answer(body: msgspec.Struct, status: int, media_type: str) -> Response:
    headers = {"Content-Type": media_type, "Cache-Control": "no-store"}
    return Response(msgspec.json.encode(body), status, headers=headers)


ROUTES = (
    Route(
        "GET",
        "/livez",
        livez,
        "Check that the process is alive",
        None,
        Alive,
        query=None,
        bypasses_limits=True,
        name="livez",
        tag="health",
    ),
    Route(
        "GET",
        "/readyz",
        readyz,
        "Check that this worker is ready: keys, store and model are available",
        RouteAccess(Scope.OPS),
        Ready,
        query=None,
        key_is_optional=True,
        bypasses_limits=True,
        uses_write_timeout=False,
        name="readyz",
        tag="health",
    ),
)
