"""Time of one request by step: `make bench-steps`.

    python -m tests.bench.steps [--customers 20000] [--items 10000]

Each step is a function of the service, wrapped in a stopwatch; its time excludes the steps within
it. One process, one thread; requests for a customer with 20 recent events, for customers outside
the model with purchase histories, and for an order of 200 items. The figures are processor time,
without the wait for the store.
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
from recsvc.usecases.recommend import (
    built_lists,
    candidate_sources,
    given_items,
    personal_context,
    public_lists,
    recommend,
)
from recsvc.web.http import metrics
from recsvc.web.http.route import Call
from recsvc.web.routes import rankings, recommendations
from tests.bench.routes import (
    BUSY,
    CALLS_PER_ROUND,
    PATHS,
    environ_of,
    microseconds_per_call,
    shop,
)
from tests.bench.synthetic import REMEMBERED

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
    (personal_context, "purchase_rows", "the purchase history, if consented: text to item rows"),
    (candidate_sources, "ranked_by_history", "all items ranked by the purchase history"),
    (Call, "read_body_first", "the body: JSON and its shape"),
    (rankings, "checked_ids", "validation of the ids"),
    (given_items, "given_order", "order of the given items"),
    (
        built_lists,
        "select_items",
        "candidates, filters, availability",
    ),
    (
        public_lists,
        "select_items",
        "the anonymous list, to tell a personal one from it",
    ),
    (recommend, "answer_of", "ids, scores and reasons of the items"),
    (recommendations, "_private", "JSON"),
    (rankings, "private_json", "JSON"),
    (metrics, "count_answer", "metrics of the response"),
)
ROUTES = {
    "for_you": f"/v1/customers/{BUSY}/recommendations",
    "for_you, category and max_price": (
        f"/v1/customers/{BUSY}/recommendations?category=c3&max_price=50"
    ),
    **{
        f"for_you of a customer outside the model, {size} items remembered": (
            PATHS[f"for_you, {size} old"]
        )
        for size in REMEMBERED
    },
    "rankings of 200 items": PATHS["rankings of 200"],
}
ROUNDS = 40


@dataclass(slots=True)
class Stopwatch:
    """Sums up the time of each step, without the steps within it."""

    seconds: dict[str, float] = field(default_factory=dict)
    _within: list[float] = field(default_factory=lambda: [0.0])

    def timed(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*words: Any, **named: Any) -> Any:
            self._within.append(0.0)
            began = time.thread_time()
            try:
                return function(*words, **named)
            finally:
                spent = time.thread_time() - began
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


def times_of(call: Callable[[], float]) -> dict[str, float]:
    """Return the microseconds of each step for one request; `call` sends a round of them."""
    stopwatch = Stopwatch()
    with watched(stopwatch):
        stopwatch.timed(ALL, call)()
    each = 1e6 / CALLS_PER_ROUND
    return {step: seconds * each for step, seconds in stopwatch.seconds.items()}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--customers", type=int, default=20_000)
    options.add_argument("--items", type=int, default=10_000)
    chosen = options.parse_args()
    with shop(chosen.customers, chosen.items) as (app, key):
        for name, path in ROUTES.items():
            environ = environ_of(path, key)
            rounds = [
                times_of(lambda environ=environ: microseconds_per_call(app, environ))
                for _ in range(ROUNDS)
            ][1:]
            whole = statistics.median(sum(each.values()) for each in rounds)
            print(f"\n{name}: {whole:.0f} µs")
            for step in dict.fromkeys([ALL, *(step for _, _, step in STEPS)]):
                spent = statistics.median(each.get(step, 0.0) for each in rounds)
                print(f"{spent:>7.0f} µs {spent / whole:>6.0%}  {step}")


if __name__ == "__main__":
    main()
