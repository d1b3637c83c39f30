"""The cost of each route inside one process, beside a floor in the same application.

    python -m tests.bench.routes [--customers 20000] [--items 10000] [--rounds 40]

The floor is authorized and does the same Redis read for the same customer, then returns constant
bytes: the difference is the cost of recommending. No network and one thread. The figures are
processor time, without the wait for the store; short rounds alternate, medians are printed. Only
the ratios can be compared between machines.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from flask import Flask, Response
from werkzeug.test import EnvironBuilder

from recsvc.config import Settings, models_root
from recsvc.domain.api_keys import ALL_SCOPES, KeyKind, Scope
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.customers.recent_events import MAX_EVENTS, RecentKind, encode
from recsvc.domain.offers.stored_offer import NewOffer
from recsvc.domain.values.ids import CustomerId, ItemId, ShopName
from recsvc.model.artifact.versions import Versions
from recsvc.model.publish import ManifestFacts, publish
from recsvc.stores.client import keys as redis_keys
from recsvc.usecases.access.request_access import RouteAccess
from recsvc.web.app import create_app
from recsvc.web.http.route import Call, Route
from recsvc.wiring.services import open_registry, services_of
from recsvc.wiring.stores import Stores, open_stores
from tests.bench.synthetic import REMEMBERED, artifact, catalogue, offers, stored_history

SHOP = ShopName("bench")
CUSTOMER, REFUSING, BUSY = CustomerId("c7"), CustomerId("c8"), CustomerId("c9")
PATHS = {
    "floor": f"/floor/{CUSTOMER}",
    "for_you": f"/v1/customers/{CUSTOMER}/recommendations",
    "discover": f"/v1/customers/{CUSTOMER}/recommendations?slate=discover",
    "floor, 20 events": f"/floor/{BUSY}",
    "for_you, 20 events": f"/v1/customers/{BUSY}/recommendations",
    "discover, 20 ev.": f"/v1/customers/{BUSY}/recommendations?slate=discover",
    **{f"for_you, {size} old": f"/v1/customers/old{size}/recommendations" for size in REMEMBERED},
    "discover, 100 old": "/v1/customers/old100/recommendations?slate=discover",
    "for_you, filtered": f"/v1/customers/{CUSTOMER}/recommendations?category=c3&max_price=50",
    "for_you, n=100": f"/v1/customers/{CUSTOMER}/recommendations?n=100",
    "n=100, gzip": f"/v1/customers/{CUSTOMER}/recommendations?n=100&fields=title,price",
    "no consent": f"/v1/customers/{REFUSING}/recommendations",
    "item, similar": "/v1/items/item-0000042/recommendations",
    "popular": "/v1/recommendations",
    "basket of 3": "/v1/basket/recommendations",
    "pages, 4 lists": "/v1/pages",
    "rankings of 200": "/v1/rankings",
    "floor, offers": f"/offers-floor/{CUSTOMER}",
    "offers, 1,000": f"/v1/customers/{CUSTOMER}/offers?channel=web",
    "offers, 20 ev.": f"/v1/customers/{BUSY}/offers?channel=web",
    "offers, generic": f"/v1/customers/{REFUSING}/offers?channel=web",
    "consent GET": f"/v1/customers/{CUSTOMER}/consents",
}
PAGE = {
    "customer_id": BUSY,
    "placements": [
        {"name": "top", "slate": "for_you"},
        {"name": "new", "slate": "discover"},
        {"name": "beside", "slate": "similar", "context_item": "item-0000042"},
        {"name": "all", "slate": "popular"},
    ],
}
BODIES: dict[str, dict[str, Any]] = {
    "basket of 3": {
        "customer_id": BUSY,
        "items": ["item-0000042", "item-0000007", "item-0000011"],
    },
    "pages, 4 lists": PAGE,
    "rankings of 200": {
        "customer_id": BUSY,
        "items": [f"item-{row:07d}" for row in range(3, 800, 4)],
    },
}
CALLS_PER_ROUND = 40


def floor(call: Call, customer_id: str) -> Response:
    call.authorize_for_customer(customer_id)
    return Response(b"x" * 1024, content_type="application/json")


def floor_of_offers(call: Call, customer_id: str) -> Response:
    call.authorize_for_customer(customer_id, for_offers=True)
    return Response(b"x" * 1800, content_type="application/json")


OFFERS_FLOOR = Route(
    "GET",
    "/offers-floor/<id:customer_id>",
    floor_of_offers,
    "The Redis read of an offer decision alone",
    RouteAccess(Scope.OFFERS),
    uses_write_timeout=False,
    name="floor_of_offers",
    tag="bench",
)
FLOOR = Route(
    "GET",
    "/floor/<id:customer_id>",
    floor,
    "The request's Redis read alone",
    RouteAccess(Scope.RECOMMEND),
    uses_write_timeout=False,
    name="floor",
    tag="bench",
)


@contextmanager
def shop(customers: int, items: int) -> Iterator[tuple[Flask, str]]:
    """Yield the application of a synthetic shop, and a key for it."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        with open_stores(settings) as stores:
            key = _fill(stores, settings, customers, items)
            registry = open_registry(settings, stores.secret)
            registry.refresh()
            services = services_of(stores, registry, [SHOP])
            yield create_app(services, [FLOOR, OFFERS_FLOOR]), key


def _fill(stores: Stores, settings: Settings, customers: int, items: int) -> str:
    hasher = stores.hasher(SHOP)
    facts = ManifestFacts(stores.secret.fingerprint(), seed=0)
    versions = Versions(models_root(settings), SHOP)
    publish(versions, artifact(hasher, customers, items), facts, now=datetime.now(UTC))
    stores.catalogue.put_many(SHOP, catalogue(items))
    stores.offers.put_many(SHOP, (NewOffer(offer, None) for offer in offers(items)))
    everything = dict.fromkeys(Purpose, True)
    for customer in (CUSTOMER, BUSY):
        stores.consents.write(SHOP, hasher.key_of(customer), everything)
    chance = np.random.default_rng(2)
    for size in REMEMBERED:
        key = hasher.key_of(CustomerId(f"old{size}"))
        stores.consents.write(SHOP, key, everything)
        history = stored_history(chance, items, size)
        stores.connections.writes.set(redis_keys.purchases(SHOP, key), history)
    stores.connections.writes.lpush(redis_keys.recent(SHOP, hasher.key_of(BUSY)), *_events(items))
    stores.consents.write(SHOP, hasher.key_of(REFUSING), {Purpose.PERSONALIZATION: False})
    return stores.api_keys.create(KeyKind.SECRET, SHOP, ALL_SCOPES).text


def _events(items: int) -> list[bytes]:
    """Return the most recent events that the service reads, the oldest first: every third
    a purchase.
    """
    now = int(time.time())
    return [
        encode(
            RecentKind.VIEW if number % 3 else RecentKind.PURCHASE,
            now - 3600 * (MAX_EVENTS - number),
            ItemId(f"item-{number * 37 % items:07d}"),
        )
        for number in range(MAX_EVENTS)
    ]


def environ_of(path: str, key: str) -> dict[str, Any]:
    bodies = {PATHS[name]: {"method": "POST", "json": body} for name, body in BODIES.items()}
    body = bodies.get(path, {})
    headers = {"Authorization": f"Bearer {key}"}
    if path == PATHS["n=100, gzip"]:
        headers["Accept-Encoding"] = "gzip"
    return EnvironBuilder(path=path, headers=headers, **body).get_environ()


def microseconds_per_call(app: Flask, environ: dict[str, Any]) -> float:
    statuses: list[str] = []

    def start_response(status: str, *_: Any) -> Callable[[bytes], Any]:
        statuses.append(status)
        return statuses.append

    began = time.thread_time()
    for _ in range(CALLS_PER_ROUND):
        environ["wsgi.input"].seek(0)
        b"".join(app(dict(environ), start_response))
    spent = time.thread_time() - began
    if set(statuses) != {"200 OK"}:
        raise SystemExit(f"{environ['PATH_INFO']} answered {set(statuses)}")
    return spent / CALLS_PER_ROUND * 1e6


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--customers", type=int, default=20_000)
    options.add_argument("--items", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=40)
    chosen = options.parse_args()
    with shop(chosen.customers, chosen.items) as (app, key):
        environs = {name: environ_of(path, key) for name, path in PATHS.items()}
        rounds = [
            {name: microseconds_per_call(app, environ) for name, environ in environs.items()}
            for _ in range(chosen.rounds)
        ]
    _print([*rounds[1:]])


def _print(rounds: list[dict[str, float]]) -> None:
    """Print medians; the share is the floor's time over the route's, paired within rounds."""
    print(f"{'route':<18}{'µs a call':>12}{'floor/route':>14}")
    for name in PATHS:
        cost = statistics.median(figures[name] for figures in rounds)
        floor = "floor, 20 events" if "ev" in name or name in BODIES else "floor"
        if "offers" in name:
            floor = "floor, offers"
        share = statistics.median(figures[floor] / figures[name] for figures in rounds)
        print(f"{name:<18}{cost:>12.0f}{share:>14.2f}")


if __name__ == "__main__":
    main()
