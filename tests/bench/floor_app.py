"""`recsvc serve` whose workers have floor routes beside the service's own.

A floor is the least cost of a request: it reads the store as the routes do and returns constant
bytes, as many as the compared route. `/floor` authorizes the request first, as every route must;
`/bare` sends the same Redis commands for the same keys and ignores the replies.

    python -c 'from tests.bench.floor_app import main; main()' serve --port 8000
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial

from flask import Flask, Response

from recsvc.cli import main as command_line
from recsvc.cli import serve, worker
from recsvc.config import Settings
from recsvc.domain.api_keys import Scope, shop_of_key
from recsvc.domain.values.customer_keys import CustomerHasher
from recsvc.domain.values.ids import CustomerId, ShopName
from recsvc.stores.client.connection import connect
from recsvc.stores.client.raw_connection import RawConnections
from recsvc.stores.request_read import RequestRead
from recsvc.usecases.access.request_access import RouteAccess
from recsvc.web.app import create_app
from recsvc.web.http.rendering import PRIVATE
from recsvc.web.http.route import Call, Route
from recsvc.web.http.services import Services
from recsvc.wiring.stores import stores_at

ACCESS = RouteAccess(Scope.RECOMMEND)
OF_OFFERS = RouteAccess(Scope.OFFERS)
BEARER = len("Bearer ")


@lru_cache(64)
def constant(size: str) -> bytes:
    return b"x" * int(size)


def floor(call: Call, size: str) -> Response:
    call.authorize_request()
    return Response(constant(size), headers=PRIVATE)


def floor_about_customer(call: Call, size: str, customer_id: str) -> Response:
    call.authorize_for_customer(customer_id)
    return Response(constant(size), headers=PRIVATE)


def floor_of_offers(call: Call, size: str, customer_id: str) -> Response:
    call.authorize_for_customer(customer_id, for_offers=True)
    return Response(constant(size), headers=PRIVATE)


def floor_of_page(call: Call, size: str, customer_id: str) -> Response:
    """Receive a body without parsing it."""
    call.authorize_for_customer(customer_id)
    call.request.get_data()
    return Response(constant(size), headers=PRIVATE)


class DiscardingConnections:
    """Connections whose replies are dropped."""

    def __init__(self, connections: RawConnections) -> None:
        self._connections = connections

    def exchange(self, request: bytes, replies: int) -> list[object]:
        self._connections.exchange(request, replies)
        return [None]


class BareFloor:
    """The request's Redis read alone."""

    def __init__(self, settings: Settings, url: str) -> None:
        stores = stores_at(settings, url)
        connections = connect(settings, url)
        discarding = DiscardingConnections(connections.raw_connections)
        self._request_read = RequestRead(replace(connections, raw_connections=discarding))
        self._hasher = lru_cache(8)(partial(CustomerHasher, stores.secret))

    def about_customer(self, call: Call, size: str, customer_id: str) -> Response:
        shop = shop_of_key(call.request.environ["HTTP_AUTHORIZATION"][BEARER:])
        if shop is None:
            raise TypeError("the bench's keys name their shop")
        self._request_read.read(shop, self._hasher(shop).key_of(CustomerId(customer_id)))
        return Response(constant(size), headers=PRIVATE)


def load_with_floors(
    settings: Settings, url: str, shops: Sequence[ShopName], parent: int, workers: int
) -> Flask:
    """Build the application of a `recsvc serve` worker, with the floor routes added."""
    bare = BareFloor(settings, url)
    routes = [
        Route(
            "GET",
            "/floor/<size>",
            floor,
            "",
            ACCESS,
            uses_write_timeout=False,
            name="floor",
            tag="bench",
        ),
        Route(
            "GET",
            "/floor/<size>/<id:customer_id>",
            floor_about_customer,
            "",
            ACCESS,
            uses_write_timeout=False,
            name="floor_about_customer",
            tag="bench",
        ),
        Route(
            "GET",
            "/offers-floor/<size>/<id:customer_id>",
            floor_of_offers,
            "",
            OF_OFFERS,
            uses_write_timeout=False,
            name="floor_of_offers",
            tag="bench",
        ),
        Route(
            "POST",
            "/floor/<size>/<id:customer_id>",
            floor_of_page,
            "",
            ACCESS,
            uses_write_timeout=False,
            name="floor_of_page",
            tag="bench",
        ),
        Route(
            "GET",
            "/bare/<size>/<id:customer_id>",
            bare.about_customer,
            "",
            ACCESS,
            uses_write_timeout=False,
            name="bare_about_customer",
            tag="bench",
        ),
    ]

    def create_with_floors(services: Services) -> Flask:
        return create_app(services, routes)

    worker.create_app = create_with_floors  # type: ignore[attr-defined]
    return worker.load_application(settings, url, shops, parent, workers)


def main() -> None:
    serve.load_application = load_with_floors  # type: ignore[attr-defined]
    command_line.app()
