"""The Flask application: every route comes from a table that declares its access."""

from collections.abc import Sequence
from functools import cache

from flask import Flask, request
from werkzeug.exceptions import NotFound as PathNotFound
from werkzeug.routing import Map

from recsvc.domain.errors import NotFound, UriTooLong
from recsvc.web import openapi
from recsvc.web.http import metrics
from recsvc.web.http.bodies import JSON_BODY
from recsvc.web.http.cors import BrowserFlask, CrossOrigin
from recsvc.web.http.paths import IdConverter
from recsvc.web.http.problems import register_problems
from recsvc.web.http.response_middleware import ResponseHeadersMiddleware
from recsvc.web.http.route import Route
from recsvc.web.http.services import Services
from recsvc.web.routes import (
    claims,
    consent_history,
    consent_import,
    consents,
    decisions,
    docs,
    events,
    health,
    items,
    metrics_endpoint,
    offer_decisions,
    offers,
    pages,
    privacy,
    profiles,
    rankings,
    recommendations,
)

MAX_TARGET_BYTES = 16 * 1024  # path, decoded, and query

ROUTES: tuple[Route, ...] = (
    *recommendations.ROUTES,
    *pages.ROUTES,
    *rankings.ROUTES,
    *consents.ROUTES,
    *consent_history.ROUTES,
    *consent_import.ROUTES,
    *profiles.ROUTES,
    *privacy.ROUTES,
    *items.ROUTES,
    *events.ROUTES,
    *offers.ROUTES,
    *offer_decisions.ROUTES,
    *claims.ROUTES,
    *decisions.ROUTES,
    *health.ROUTES,
    *metrics_endpoint.ROUTES,
    *docs.ROUTES,
)


def create_app(services: Services, more_routes: Sequence[Route] = ()) -> Flask:
    app = BrowserFlask("recsvc", static_folder=None)
    app.cross_origin = CrossOrigin(services.settings.cors_origins)
    app.browser_routes = {route.name for route in ROUTES if route.is_for_browsers}
    app.config["MAX_CONTENT_LENGTH"] = JSON_BODY.read_bytes
    app.url_map = paths_of((*all_routes(), *more_routes)) if more_routes else shared_paths()
    bound = {route.name: route.bound(services) for route in (*all_routes(), *more_routes)}
    app.view_functions.update(bound)
    app.before_request(refuse_long_targets)
    app.before_request(refuse_other_slashes)
    register_problems(app)
    metrics.count_requests(app)
    app.wsgi_app = ResponseHeadersMiddleware(app.wsgi_app, app.cross_origin)  # type: ignore[method-assign]
    return app


@cache
def all_routes() -> tuple[Route, ...]:
    """Return every route, including the one of the OpenAPI document; built once."""
    return (*ROUTES, openapi.route_of(ROUTES))


@cache
def shared_paths() -> Map:
    """Return the URL map of every route. Applications share it: a map takes 30 ms to build."""
    return paths_of(all_routes())


def paths_of(routes: Sequence[Route]) -> Map:
    app = Flask("recsvc", static_folder=None)
    app.url_map.merge_slashes = False
    app.url_map.converters["id"] = IdConverter
    for route in routes:
        app.add_url_rule(route.path, route.name, methods=[route.method])
    return app.url_map


def refuse_long_targets() -> None:
    environ = request.environ
    size = len(environ["PATH_INFO"]) + len(environ.get("QUERY_STRING", ""))
    if size > MAX_TARGET_BYTES:
        raise UriTooLong(
            f"path and query have {size} bytes, {MAX_TARGET_BYTES} at most; POST /v1/pages takes "
            "the same filters in its body"
        )


def refuse_other_slashes() -> None:
    """Answer only at the exact paths: Werkzeug would match `//livez` as `/livez`.

    No path and no id ends in a slash; such a path would be a 405, or a 400 with a bad id.
    """
    path: str = request.environ["PATH_INFO"]
    if path.startswith("//"):
        raise PathNotFound
    if path.endswith("/") and len(path) > 1:
        raise NotFound("this path does not exist: no path of the API ends in '/'")
