"""Figures of load measurements: medians of paired rounds, and percentiles over all rounds."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.load import Stretch

MILLISECONDS = 1000
MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Pair:
    """One round: a route, and its reference right after it, if there is one."""

    route: Stretch
    floor: Stretch | None


@dataclass(frozen=True, slots=True)
class Pace:
    """Throughput and latency of one path."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cost_us: float  # processor time of the worker for one answer
    failures: int
    generator_busy: float  # the share of the time for which the load itself computed


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of a route beside its floor.

    Ratios are route to floor: 1 means as fast, and as steady.
    """

    route: Pace
    floor: Pace | None = None
    requests_ratio: float | None = None
    p99_ratio: float | None = None
    cost_ratio: float | None = None  # of the floor to the route: the least that others can disturb


def figures_of(pairs: Sequence[Pair]) -> Figures:
    """Compute ratios as medians of the ratios within rounds, since a slow machine slows both."""
    route = pace_of([pair.route for pair in pairs])
    both = [(pair.route, pair.floor) for pair in pairs if pair.floor is not None]
    if not both:
        return Figures(route)
    return Figures(
        route,
        pace_of([floor for _, floor in both]),
        statistics.median(one.per_second / floor.per_second for one, floor in both),
        statistics.median(
            percentile(one.latencies, 99) / percentile(floor.latencies, 99) for one, floor in both
        ),
        statistics.median(floor.cost / one.cost for one, floor in both),
    )


def pace_of(stretches: Sequence[Stretch]) -> Pace:
    latencies = [latency for stretch in stretches for latency in stretch.latencies]
    return Pace(
        requests_per_second=statistics.median(each.per_second for each in stretches),
        p50_ms=percentile(latencies, 50),
        p99_ms=percentile(latencies, 99),
        cost_us=statistics.median(each.cost for each in stretches) * MICROSECONDS,
        failures=sum(each.failures for each in stretches),
        generator_busy=max(each.busy for each in stretches),
    )


def percentile(latencies: Sequence[float], percent: int) -> float:
    """Return the latency in milliseconds that so many percent do not exceed."""
    place = max(-(-len(latencies) * percent // 100), 1)
    return sorted(latencies)[place - 1] * MILLISECONDS
