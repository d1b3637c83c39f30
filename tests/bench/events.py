"""Throughput of durable event ingestion, and the memory of event de-duplication.

    python -m tests.bench.events [--seconds 10] [--clients 4] [--workers 2] [--purchases] [--json]
    python -m tests.bench.events --memory

The first starts `recsvc serve` with its own Valkey (an fsync before each acknowledgement) and
posts batches of 100 new events from other processes: views and carts of many customers, half of
whom consent to all purposes. With `--purchases` all events are purchases, of 200 customers, half of
whom consent and have a full purchase history. The second adds events in this process and sums
MEMORY USAGE over the keys of de-duplication.
"""

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from recsvc.config import Settings
from recsvc.domain.api_keys import ALL_SCOPES, KeyKind
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.customers.purchase_history import HistoryChange
from recsvc.domain.customers.recent_events import RecentKind
from recsvc.domain.events import Event, EventType
from recsvc.domain.values.ids import CustomerId, ItemId, ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.events.event_arguments import IncomingEvent
from recsvc.wiring.stores import Stores, open_stores
from tests.e2e.processes import Client, serving

SHOP = ShopName("default")
BATCH = 100
CUSTOMERS, BUYERS = 2000, 200
BOUGHT_BEFORE = 300  # purchases of each buyer, more than a history holds
ITEMS = 5000
MEMORY_AT = (100_000, 400_000)


def main() -> None:
    options = _arguments()
    with tempfile.TemporaryDirectory(prefix="recsvc-bench-") as folder:
        data_dir = Path(folder)
        figures = memory(data_dir) if options.memory else ingest(data_dir, options)
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:<32} {value:>12,.1f}")


def ingest(data_dir: Path, options: argparse.Namespace) -> dict[str, float]:
    with open_stores(Settings(data_dir=data_dir)) as stores:
        key = stores.api_keys.create(KeyKind.SECRET, SHOP, ALL_SCOPES).text
        for number in range(0, CUSTOMERS, 2):
            customer = stores.hasher(SHOP).key_of(CustomerId(f"c{number}"))
            granted = {Purpose.ANALYTICS: True, Purpose.PERSONALIZATION: True}
            stores.consents.write(SHOP, customer, granted)
        if options.purchases:
            _fill(stores)
    with serving(data_dir, workers=options.workers) as server:
        context = multiprocessing.get_context("spawn")
        with context.Pool(options.clients) as pool:
            tasks = [
                (server.port, key, options.seconds, number, options.purchases)
                for number in range(options.clients)
            ]
            started = time.perf_counter()
            took = [each for part in pool.starmap(post_batches, tasks) for each in part]
            seconds = time.perf_counter() - started
    times = sorted(took)
    return {
        "events a second": len(took) * BATCH / min(seconds, options.seconds),
        "ms a batch, median": 1000 * statistics.median(times),
        "ms a batch, 99th percentile": 1000 * times[int(len(times) * 0.99)],
    }


def post_batches(port: int, key: str, seconds: float, number: int, purchases: bool) -> list[float]:
    """Post batches without a pause; return each batch's latency.

    A batch that gets 503 is sent again, as a client would, and counts once.
    """
    client, took = Client(port, key), []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        batch = [_sent(f"{number}-{len(took)}-{place}", place, purchases) for place in range(BATCH)]
        prepared = time.perf_counter()
        while (reply := client.ask("POST", "/v1/events", {"events": batch})).status == 503:
            print(f"sent again: {reply.json['code']}", file=sys.stderr)
        took.append(time.perf_counter() - prepared)
        assert {result["status"] for result in reply.json["results"]} <= {200, 201}
    client.close()
    return took


def _fill(stores: Stores) -> None:
    """Give each buyer who consents more purchases than a history holds."""
    now_us = stores.connections.writes.time()[0] * 1_000_000
    events = []
    for number in range(0, BUYERS, 2):
        name = CustomerId(f"c{number}")
        customer = stores.hasher(SHOP).key_of(name)
        for place in range(BOUGHT_BEFORE):
            event = Event(
                f"before-{number}-{place}",
                EventType.PURCHASE,
                customer_id=name,
                item_id=ItemId(f"item-{place}"),
                order_id=f"order-{place // 10}",
                price=1.99,
                timestamp_us=now_us - (BOUGHT_BEFORE - place) * 3_600_000_000,
            )
            events.append(
                IncomingEvent(event, customer, RecentKind.PURCHASE, HistoryChange.PURCHASE)
            )
    stores.events.add(SHOP, events)


def _sent(message_id: str, place: int, purchases: bool) -> dict[str, Any]:
    chosen = hash(message_id)
    if purchases:
        return {
            "message_id": f"00000000-0000-4000-8000-{message_id}",
            "type": "purchase",
            "customer_id": f"c{chosen % BUYERS}",
            "order_id": message_id.rpartition("-")[0],
            "price": 1.99,
            "item_id": f"item-{chosen // BUYERS % ITEMS}",
        }
    return {
        "message_id": f"00000000-0000-4000-8000-{message_id}",
        "type": "add_to_cart" if place % 5 == 0 else "view",
        "customer_id": f"c{chosen % CUSTOMERS}",
        "session_id": f"session-{chosen % CUSTOMERS}",
        "item_id": f"item-{chosen // CUSTOMERS % ITEMS}",
    }


def memory(data_dir: Path) -> dict[str, float]:
    figures: dict[str, float] = {}
    with open_stores(Settings(data_dir=data_dir)) as stores:
        added = 0
        for count in MEMORY_AT:
            for start in range(added, count, BATCH * 100):
                stores.events.add(
                    SHOP, [_incoming(number) for number in range(start, start + BATCH * 100)]
                )
            added = count
            figures[f"bytes an event at {count:,}"] = _bytes(stores) / count
    return figures


def _incoming(number: int) -> IncomingEvent:
    event = Event(f"message-{number}", EventType.IMPRESSION, item_id=ItemId("item"))
    return IncomingEvent(event)


def _bytes(stores: Stores) -> int:
    redis = stores.connections.writes
    names = list(redis.scan_iter(f"{redis_keys.seen(SHOP)}*", count=10_000))
    pipeline = redis.pipeline(transaction=False)
    for name in names:
        pipeline.memory_usage(name, samples=0)
    return sum(pipeline.execute())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--purchases", action="store_true")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
