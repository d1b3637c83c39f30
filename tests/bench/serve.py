"""Performance of the running service: `make bench-serve`.

    python -m tests.bench.serve [--data-dir DIR] [--quick] [--json]

Starts `recsvc serve` with one worker on a synthetic shop of a million customers and a hundred
thousand items, and sends requests from another process. Each route alternates with a floor in the
same server that does the same Redis read and returns as many constant bytes. Only ratios can be
compared between machines. Prints a table; with --json the table goes to stderr, JSON to stdout.
"""

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsvc.config import Settings, models_root
from recsvc.domain.values.ids import ShopName
from recsvc.model.artifact.versions import Versions
from tests.bench.figures import Figures, Pair, figures_of
from tests.bench.load import Generator, generator
from tests.bench.requests import RequestKind
from tests.bench.service import Service, memory_of, served
from tests.bench.shops import CUSTOMERS_OUTSIDE, Shop, outside, prepared
from tests.bench.swap import measure_swaps
from tests.bench.table import print_report

LARGE, SMALL = ShopName("large"), ShopName("small")
EVENTS_PER_BATCH = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of the shops, and length of each stretch of load."""

    sizes: dict[ShopName, tuple[int, int]]  # customers, items
    rounds: int
    seconds: float
    swap_seconds: float


# Many short stretches: other load on the machine then disturbs a route and its floor alike.
WHOLE = Plan({LARGE: (1_000_000, 100_000), SMALL: (10_000, 1_000)}, 25, 0.25, 6.0)
QUICK = Plan({LARGE: (20_000, 2_000), SMALL: (2_000, 500)}, 9, 0.15, 3.0)

ABOUT = "/v1/customers/{customer}/recommendations"
CUSTOMER = "{customer}"
ANONYMOUS_FLOOR = "/floor/{size}"
FLOOR = "/floor/{size}/{customer}"
OFFERS_ABOUT = "/v1/customers/{customer}/offers?channel=web"
FLOOR_OF_OFFERS = "/offers-floor/{size}/{customer}"
BARE_FLOOR = "/bare/{size}/{customer}"
PAGE = {
    "customer_id": "{customer}",
    "placements": [
        {"name": "top", "slate": "for_you"},
        {"name": "new", "slate": "discover"},
        {"name": "beside", "slate": "similar", "context_item": "{item}"},
        {"name": "all", "slate": "popular"},
    ],
}
BASKET = {"items": ["{item}", "item-0000007", "item-0000011"], "customer_id": "{customer}"}
RANKING = {
    "items": [f"item-{row:07d}" for row in range(3, 800, 4)],
    "customer_id": "{customer}",
}


BATCH = {
    "events": [
        {"message_id": "{turn}", "type": "view", "customer_id": "{customer}", "item_id": "{item}"}
    ]
    * EVENTS_PER_BATCH
}


@dataclass(frozen=True, slots=True)
class Row:
    """A route, and its floor if there is one of its kind."""

    name: str
    path: str
    floor: str | None
    body: Any = None
    variety: int = 4096
    connections: int | None = None
    remembered: int = 0  # items in the history of a customer outside the model; 0: a known one


ROWS = (
    Row("for_you", ABOUT, FLOOR),
    Row("for_you, category and max_price", f"{ABOUT}?category=c3&max_price=50", FLOOR),
    *(
        Row(f"for_you, {size} items remembered", ABOUT, FLOOR, remembered=size)
        for size in (20, 100)
    ),
    Row("discover, 100 items remembered", f"{ABOUT}?slate=discover", FLOOR, remembered=100),
    Row("discover", f"{ABOUT}?slate=discover", FLOOR),
    Row("similar", "/v1/items/{item}/recommendations", ANONYMOUS_FLOOR),
    Row("popular", "/v1/recommendations", ANONYMOUS_FLOOR),
    Row("basket of 3", "/v1/basket/recommendations", FLOOR, BASKET),
    Row("rankings of 200", "/v1/rankings", FLOOR, RANKING),
    Row("pages, 4 placements", "/v1/pages", FLOOR, PAGE),
    Row("offers, 1,000 live", OFFERS_ABOUT, FLOOR_OF_OFFERS),
    Row("the floor, against a bare one", "/floor/1200/{customer}", BARE_FLOOR),
    Row("100 events", "/v1/events", None, BATCH, variety=200, connections=4),
)


def request_kind(row: Row, shop: Shop) -> RequestKind:
    body = None if row.body is None else json.dumps(row.body)
    customers = shop.customers_seen
    if row.remembered:
        row, customers = _about_customers_outside(row), CUSTOMERS_OUTSIDE
    return RequestKind(
        row.path, shop.key, customers, shop.items, body, row.variety, row.connections
    )


def _about_customers_outside(row: Row) -> Row:
    path = row.path.replace(CUSTOMER, outside(row.remembered, CUSTOMER))
    return dataclasses.replace(row, path=path)


def measure_rows(
    service: Service, generator: Generator, shop: Shop, plan: Plan, only: str
) -> dict[str, Figures]:
    """Measure the routes whose name contains `only`, each round alternating with its floor."""
    found = {}
    for row in ROWS:
        if only not in row.name:
            continue
        kind = request_kind(row, shop)
        answer = service.answer(kind)
        if answer is None:
            say(f"{row.name}: the service does not support it")
            continue
        say(row.name)
        floor = None
        if row.floor is not None:
            path = row.floor.replace("{size}", str(len(answer)))
            floor = request_kind(dataclasses.replace(row, path=path), shop)
        found[row.name] = figures_of(in_turn(generator, kind, floor, plan))
    return found


def in_turn(
    generator: Generator, one: RequestKind, other: RequestKind | None, plan: Plan
) -> list[Pair]:
    """Load two kinds of requests alternately; the first round is a warm-up."""
    seed = int(time.time()) % 1_000_000 * 100
    pairs = [
        Pair(
            generator.saturate(one, plan.seconds, seed + turn),
            other and generator.saturate(other, plan.seconds, seed + turn),
        )
        for turn in range(plan.rounds + 1)
    ]
    return pairs[1:]


def measure(folder: Path, plan: Plan, connections: int, only: str) -> dict[str, Any]:
    say("making the shops, unless they exist")
    shops = prepared(folder, plan.sizes)
    large, small = shops[LARGE], shops[SMALL]
    versions = Versions(models_root(Settings(data_dir=folder)), LARGE)
    versions.activate(large.versions[0])
    with served(folder) as service, load_on(service, large, connections) as load:
        at_start = memory_of(load.worker)
        rows = measure_rows(service, load, large, plan, only)
        say("the two sizes")
        plain = request_kind(ROWS[0], large)
        sizes = in_turn(load, plain, request_kind(ROWS[0], small), plan)
        after_load = memory_of(load.worker)
        say("swaps")
        swap = measure_swaps(load, plain, large, versions, plan.swap_seconds)
        return {
            "machine": {"cpus": os.cpu_count(), "load_average": os.getloadavg()[0]},
            "customers": large.customers,
            "items": large.items,
            "connections": connections,
            "routes": {name: dataclasses.asdict(figures) for name, figures in rows.items()},
            "sizes": dataclasses.asdict(figures_of(sizes)),
            "startup_seconds": service.startup_seconds,
            "memory_mb": {
                "at_start": dataclasses.asdict(at_start),
                "after_load": dataclasses.asdict(after_load),
                "after_swaps": dataclasses.asdict(memory_of(load.worker)),
            },
            "swap": dataclasses.asdict(swap),
        }


def load_on(service: Service, shop: Shop, connections: int) -> AbstractContextManager[Generator]:
    return generator(service.port, service.worker(shop.key), connections)


@contextmanager
def data_folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="recsvc-bench-") as made:
        yield Path(made)


def say(line: str) -> None:
    print(f"  {line} …", file=sys.stderr, flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data-dir", type=Path, help="keep the shops here, and find them again")
    options.add_argument("--connections", type=int, default=16)
    options.add_argument("--only", default="", help="routes whose name has this in it")
    options.add_argument("--quick", action="store_true", help="small shops, short rounds")
    options.add_argument("--json", action="store_true", help="JSON to stdout, the table to stderr")
    chosen = options.parse_args()
    with data_folder(chosen.data_dir) as folder:
        plan = QUICK if chosen.quick else WHOLE
        found = measure(folder, plan, chosen.connections, chosen.only)
    print_report(found, sys.stderr if chosen.json else sys.stdout)
    if chosen.json:
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
