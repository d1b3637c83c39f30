"""The load generator and the statistics of the service benchmark, checked on known answers."""

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.bench.figures import Pair, figures_of, percentile
from tests.bench.load import Stretch, pace, saturate
from tests.bench.requests import RequestKind
from tests.bench.service import memory_of


class Shop(BaseHTTPRequestHandler):
    """Echoes the path; answers 500 to paths with a 7, and hangs up on paths with a 9."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if "9" in self.path:
            self.close_connection = True
            return
        body = self.path.encode() * 1000  # more than one packet
        self.send_response(500 if "7" in self.path else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


class Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Ignore connections that the load generator closes before their last response."""


@pytest.fixture
def port() -> Iterator[int]:
    with Server(("127.0.0.1", 0), Shop) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def asking(path: str, customers: int = 5) -> RequestKind:
    return RequestKind(path, "key", customers, items=5, variety=64)


def stretch(per_second: int, latency: float, cost: float) -> Stretch:
    return Stretch(1.0, [latency] * per_second, 0, 0.1, cost)


def test_saturating_load_counts_successes(port: int) -> None:
    """A saturating load counts every successful response, and no failure."""
    found = saturate(port, 4, os.getpid(), asking("/{customer}"), 0.2, seed=1)

    assert found.failures == 0
    assert found.latencies
    assert all(latency > 0 for latency in found.latencies)
    assert found.cost > 0


@pytest.mark.parametrize("path", ["/7", "/9"])
def test_saturating_load_counts_failures(port: int, path: str) -> None:
    """A status other than 200 and a broken connection count as failures, and the load continues."""
    found = saturate(port, 2, os.getpid(), asking(path), 0.2, seed=1)

    assert found.failures >= len(found.latencies) > 2


def test_steady_load_sends_every_request_that_is_due(port: int) -> None:
    """A steady load sends the given number of requests per second and receives complete bodies."""
    answers = pace(port, 2, asking("/{item}/"), 0.5, 100)

    assert len(answers) == 50
    assert {answer.status for answer in answers} == {200}
    assert all(answer.body == answer.body[:14] * 1000 for answer in answers)


def test_requests_differ() -> None:
    """Every placeholder of a request is filled separately, and a `{turn}` is never repeated."""
    kind = RequestKind(
        "/{customer}", "key", 10**9, 10**9, '["{turn}", "{turn}", "{item}"]', variety=9
    )
    bodies = [request.partition(b"\r\n\r\n")[2] for request in kind.encoded()]

    turns = [turn for body in bodies for turn in body.split(b'"')[1:4:2]]
    assert len(set(turns)) == 18
    assert len({request.split()[1] for request in kind.encoded()}) == 9


def test_content_length_is_that_of_the_body() -> None:
    """The Content-Length header is the length of the filled body."""
    (request,) = RequestKind("/", "key", 9, 9, '{"a": "{item}"}', variety=1).encoded()
    head, _, body = request.partition(b"\r\n\r\n")

    assert f"Content-Length: {len(body)}".encode() in head


@pytest.mark.parametrize(("percent", "expected"), [(50, 2000.0), (75, 3000.0), (99, 4000.0)])
def test_percentile_is_one_of_the_latencies(percent: int, expected: float) -> None:
    """The percentile is the smallest latency (ms) that so many percent do not exceed."""
    assert percentile([3.0, 1.0, 4.0, 2.0], percent) == expected


def test_ratios_are_of_rounds() -> None:
    """Ratios compare the two halves of a round, so a round on a slowed machine changes neither."""
    usual = Pair(stretch(50, 0.02, 0.002), stretch(100, 0.01, 0.001))
    slowed = Pair(stretch(10, 0.20, 0.004), stretch(20, 0.10, 0.002))

    found = figures_of([slowed, usual, usual])

    assert (found.requests_ratio, found.p99_ratio, found.cost_ratio) == (0.5, 2.0, 0.5)
    assert found.route.requests_per_second == 50


def test_a_route_without_a_floor_has_no_ratio() -> None:
    """A route without a floor is measured, and its ratios are empty."""
    found = figures_of([Pair(stretch(50, 0.02, 0.002), None)])

    assert (found.floor, found.requests_ratio) == (None, None)
    assert found.route.cost_us == 2000


def test_memory_of_a_process_is_its_own() -> None:
    """Memory that a process has just written counts as private, and not as a mapped model."""
    before = memory_of(os.getpid())
    held = bytearray(os.urandom(32 << 20))
    after = memory_of(os.getpid())

    assert 30 < after.private - before.private < 40
    assert after.of_models == 0
    assert held
