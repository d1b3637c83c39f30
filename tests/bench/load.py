"""The load generator: a separate process that sends requests over many connections.

`saturate` sends the next request as soon as a connection is free. `pace` sends at a steady rate;
the latency of a request includes its wait for a free connection.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from multiprocessing import get_context

from tests.bench.connections import connected
from tests.bench.requests import RequestKind

WARM_UP_SECONDS = 0.1
STRAGGLER_SECONDS = 2.0
IDLE_SECONDS = 0.5
OK = 200


@dataclass(frozen=True, slots=True)
class Stretch:
    """The result of one stretch of load."""

    seconds: float
    latencies: list[float]  # seconds
    failures: int  # answers other than 200, and connections that broke
    busy: float  # the share of the time for which the load itself computed
    cost: float  # processor seconds of the worker for each answer

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds


@dataclass(frozen=True, slots=True)
class Answered:
    """One response of a steady load: when its request was due (monotonic clock), and its
    latency.
    """

    due: float
    seconds: float
    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Generator:
    """The load's process. `worker` is the process whose CPU time is read."""

    pool: ProcessPoolExecutor
    port: int
    worker: int
    connections: int

    def saturate(self, kind: RequestKind, seconds: float, seed: int = 0) -> Stretch:
        connections = kind.connections or self.connections
        arguments = (self.port, connections, self.worker, kind, seconds, seed)
        return self.pool.submit(saturate, *arguments).result()

    def pace(self, kind: RequestKind, seconds: float, rate: float) -> Callable[[], list[Answered]]:
        """Start a steady load; return a function that waits for its end."""
        arguments = (self.port, self.connections, kind, seconds, rate)
        return self.pool.submit(pace, *arguments).result


@contextmanager
def generator(port: int, worker: int, connections: int) -> Iterator[Generator]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield Generator(pool, port, worker, connections)


def saturate(
    port: int, number: int, worker: int, kind: RequestKind, seconds: float, seed: int
) -> Stretch:
    """Send over every connection without a pause; requests of the warm-up have no latency."""
    requests = cycle([*kind.encoded(seed)])
    latencies: list[float] = []
    failures = answers = 0
    with connected(port, number) as connections:
        computed, spent = time.process_time(), processor_seconds(worker)
        began = time.monotonic() + WARM_UP_SECONDS
        for connection in connections:
            connection.send(next(requests), time.monotonic())
        while (now := time.monotonic()) < began + seconds:
            for connection, status in connections.answered(IDLE_SECONDS):
                now = time.monotonic()
                answers += 1
                failures += status != OK
                if connection.due >= began:
                    latencies.append(now - connection.due)
                connection.send(next(requests), now)
        cost = (processor_seconds(worker) - spent) / answers
        busy = (time.process_time() - computed) / (seconds + WARM_UP_SECONDS)
    return Stretch(now - began, latencies, failures, busy, cost)


def pace(port: int, number: int, kind: RequestKind, seconds: float, rate: float) -> list[Answered]:
    """Send `rate` requests a second for some time, and wait briefly for the last responses."""
    requests = cycle([*kind.encoded()])
    answers: list[Answered] = []
    with connected(port, number) as connections:
        idle = deque(connections)
        began = time.monotonic()
        dues = deque(began + turn / rate for turn in range(int(seconds * rate)))
        asked_in_all = len(dues)
        while (
            len(answers) < asked_in_all and time.monotonic() < began + seconds + STRAGGLER_SECONDS
        ):
            while idle and dues and dues[0] <= time.monotonic():
                idle.popleft().send(next(requests), dues.popleft())
            wait = dues[0] - time.monotonic() if idle and dues else IDLE_SECONDS
            for connection, status in connections.answered(wait):
                took = time.monotonic() - connection.due
                answers.append(Answered(connection.due, took, status, connection.body))
                idle.append(connection)
    return answers


def processor_seconds(process: int) -> float:
    """Read another process's CPU clock (Linux: the id that clock_getcpuclockid returns)."""
    return time.clock_gettime(~process << 3 | 2)
