"""The load: a process of its own that asks over many connections and notes each answer's time.

`saturate` sends the next request as soon as a connection is free. `pace` sends at a steady rate,
whatever comes back; what starts late because no connection is free counts its wait.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from multiprocessing import get_context

from tests.bench.asked import Asked
from tests.bench.connections import connected

WARM_UP_SECONDS = 0.1
STRAGGLER_SECONDS = 2.0
IDLE_SECONDS = 0.5
OK = 200


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one stretch of load has come to."""

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
    """One answer of a steady load: when its request was due (monotonic clock), and its wait."""

    due: float
    seconds: float
    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Generator:
    """The load's process. `worker`: the process whose cost is read meanwhile."""

    pool: ProcessPoolExecutor
    port: int
    worker: int
    connections: int

    def saturate(self, asked: Asked, seconds: float, seed: int = 0) -> Stretch:
        connections = asked.connections or self.connections
        words = (self.port, connections, self.worker, asked, seconds, seed)
        return self.pool.submit(saturate, *words).result()

    def pace(self, asked: Asked, seconds: float, rate: float) -> Callable[[], list[Answered]]:
        """Start a steady load, and return what waits for its end."""
        words = (self.port, self.connections, asked, seconds, rate)
        return self.pool.submit(pace, *words).result


@contextmanager
def generator(port: int, worker: int, connections: int) -> Iterator[Generator]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield Generator(pool, port, worker, connections)


def saturate(
    port: int, number: int, worker: int, asked: Asked, seconds: float, seed: int
) -> Stretch:
    """Ask over every connection without a pause; what began in the warm-up has no latency."""
    requests = cycle([*asked.encoded(seed)])
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


def pace(port: int, number: int, asked: Asked, seconds: float, rate: float) -> list[Answered]:
    """Ask `rate` times a second for so long, and wait a little for the last answers."""
    requests = cycle([*asked.encoded()])
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
    """Read the clock of another process (Linux: what clock_getcpuclockid returns)."""
    return time.clock_gettime(~process << 3 | 2)
