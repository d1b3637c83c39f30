"""Time of one request by step: `make bench-steps`.

    python -m tests.bench.steps [--customers 20000] [--items 10000]

Each step is a function of the service, wrapped in a stopwatch; its time excludes the steps within
it. One process, one thread, requests for a customer with 20 recent events.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from recsvc.stores.request_read import RequestRead
from recsvc.usecases.access.request_access import RequestAccess
from recsvc.usecases.catalogue.catalogue_cache import CatalogueCache
from recsvc.usecases.recommend import built_lists, recommend
from recsvc.web.http import metrics
from recsvc.web.routes import recommendations
from tests.bench.routes import BUSY, environ_of, microseconds_per_call, shop

ALL = "Flask: routing, the request and response objects, headers, metrics"
STEPS: tuple[tuple[Any, str, str], ...] = (
    (recommendations, "_customer_request", "validation of the query (or the cached one)"),
    (RequestAccess, "authorize", "the customer's keyed hash; API key; scopes"),
    (RequestRead, "read", "the request's Redis read: consent, recent events, epochs"),
    (CatalogueCache, "at", "the live catalogue, at the epoch read from Redis"),
    (
        recommend,
        "personal_context_of",
        "recent events, if consented, score their neighbours",
    ),
    (
        built_lists,
        "select_items",
        "candidates, filters, availability",
    ),
    (recommend, "answer_of", "ids, scores and reasons of the items"),
    (recommendations, "_private", "JSON"),
    (metrics, "count_answer", "metrics of the response"),
)
PATHS = {
    "for_you": f"/v1/customers/{BUSY}/recommendations",
    "for_you, category and max_price": (
        f"/v1/customers/{BUSY}/recommendations?category=c3&max_price=50"
    ),
}
ROUNDS = 15


@dataclass(slots=True)
class Stopwatch:
    """Sums up the time of each step, without the steps within it."""

    seconds: dict[str, float] = field(default_factory=dict)
    _within: list[float] = field(default_factory=lambda: [0.0])

    def timed(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*words: Any, **named: Any) -> Any:
            self._within.append(0.0)
            began = time.perf_counter()
            try:
                return function(*words, **named)
            finally:
                spent = time.perf_counter() - began
                self.seconds[step] = self.seconds.get(step, 0.0) + spent - self._within.pop()
                self._within[-1] += spent

        return call


@contextmanager
def watched(stopwatch: Stopwatch) -> Iterator[None]:
    with ExitStack() as stack:
        for owner, name, step in STEPS:
            timed = stopwatch.timed(step, getattr(owner, name))
            stack.enter_context(patch.object(owner, name, timed))
        yield


def shares_of(call: Callable[[], float]) -> dict[str, float]:
    """Return the share of each step in one round; `call` sends its requests."""
    stopwatch = Stopwatch()
    with watched(stopwatch):
        stopwatch.timed(ALL, call)()
    whole = sum(stopwatch.seconds.values())
    return {step: seconds / whole for step, seconds in stopwatch.seconds.items()}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--customers", type=int, default=20_000)
    options.add_argument("--items", type=int, default=10_000)
    chosen = options.parse_args()
    with shop(chosen.customers, chosen.items) as (app, key):
        for name, path in PATHS.items():
            environ = environ_of(path, key)
            rounds = [
                shares_of(lambda environ=environ: microseconds_per_call(app, environ))
                for _ in range(ROUNDS)
            ][1:]
            print(f"\n{name}")
            for step in [ALL, *(step for _, _, step in STEPS)]:
                share = statistics.median(each.get(step, 0.0) for each in rounds)
                print(f"{share:>7.0%}  {step}")


if __name__ == "__main__":
    main()
