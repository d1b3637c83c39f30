"""Overload: a full worker refuses sheddable requests at once and processes the others."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import RawIOBase

import pytest
from prometheus_client import REGISTRY
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app

from recsvc.domain.errors import Overloaded
from recsvc.web.app import ROUTES
from recsvc.web.http.concurrency_limit import ConcurrencyLimit
from recsvc.web.http.route import Route
from tests.contract.grocery import ANNA, EVERYTHING, Service

PAGE = {"placements": [{"name": "top", "slate": "popular"}]}
BYPASSING = [route for route in ROUTES if route.bypasses_limits]


class HeldBody(RawIOBase):
    """A body that arrives when the test releases it."""

    def __init__(self, body: bytes) -> None:
        self._left = body
        self.is_waited_for, self.may_arrive = threading.Event(), threading.Event()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self.is_waited_for.set()
        self.may_arrive.wait(60)
        part, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


class PageRequest(threading.Thread):
    """A request for a page from a slow client."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self.body = HeldBody(json.dumps(PAGE).encode())
        self._app = service.client.application
        self._key = service.keys.secret.text
        self.status = ""

    def run(self) -> None:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        environ = EnvironBuilder("/v1/pages", method="POST", headers=headers).get_environ()
        length = str(len(json.dumps(PAGE)))
        environ |= {"wsgi.input": self.body, "CONTENT_LENGTH": length}
        _, self.status, _ = run_wsgi_app(self._app, environ)


@pytest.fixture
def narrow(service: Service) -> Service:
    """A service whose workers have four threads, two of them for sheddable requests."""
    service.services = replace(service.services, concurrency_limit=ConcurrencyLimit(4))
    return service


@contextmanager
def waiting_requests(service: Service, number: int) -> Iterator[list[PageRequest]]:
    """Hold the given number of requests inside a view, waiting for their bodies."""
    threads = [PageRequest(service) for _ in range(number)]
    for thread in threads:
        thread.start()
    try:
        assert all(thread.body.is_waited_for.wait(60) for thread in threads)
        yield threads
    finally:
        for thread in threads:
            thread.body.may_arrive.set()
            thread.join(60)


def ask(service: Service, route: Route) -> TestResponse:
    path = re.sub(r"<id:\w+>", "a", route.path)
    return service.client.open(path, method=route.method)


def test_only_these_routes_bypass_the_concurrency_limit() -> None:
    """Withdrawals, objections, erasures, health and metrics bypass the concurrency limit."""
    assert {(route.method, route.path) for route in BYPASSING} == {
        ("PUT", "/v1/customers/<id:customer_id>/consents"),
        ("PATCH", "/v1/customers/<id:customer_id>/profile"),
        ("DELETE", "/v1/customers/<id:customer_id>"),
        ("GET", "/livez"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
    }


def test_half_of_the_threads_serve_sheddable_requests(narrow: Service) -> None:
    """A request is answered below the limit, refused at the limit, and answered again later."""
    path = "/v1/recommendations"
    statuses = []
    for number in (1, 2, 0):
        with waiting_requests(narrow, number) as threads:
            statuses.append(narrow.get(path).status_code)
        assert [thread.status for thread in threads] == ["200 OK"] * number

    assert statuses == [200, 429, 200]


def test_sheddable_requests_are_refused_at_once(narrow: Service) -> None:
    """A refusal is a 429 problem document with Retry-After; the key is not checked."""
    with waiting_requests(narrow, 2):
        refused = [ask(narrow, route) for route in ROUTES if not route.bypasses_limits]
        bypassing = [ask(narrow, route).status_code for route in BYPASSING]

    assert {reply.status_code for reply in refused} == {429}
    assert {reply.content_type for reply in refused} == {"application/problem+json"}
    assert {reply.headers["Retry-After"] for reply in refused} == {"1"}
    assert {reply.headers["Cache-Control"] for reply in refused} == {"private, no-store"}
    assert len({reply.data for reply in refused}) == 1
    assert refused[0].json is not None
    assert refused[0].json["code"] == "overloaded"
    assert 429 not in bypassing


def test_a_full_worker_accepts_a_withdrawal(narrow: Service) -> None:
    """A withdrawal on a full worker applies to the next list."""
    narrow.consent(ANNA)
    path = f"/v1/customers/{ANNA}"
    with waiting_requests(narrow, 2):
        purposes = dict.fromkeys(EVERYTHING, False)
        withdrawn = narrow.put(f"{path}/consents", {"purposes": purposes})
    answer = narrow.get(f"{path}/recommendations")

    assert withdrawn.status_code == 200
    assert answer.json is not None
    assert answer.json["personalized"] is False


def test_a_failed_request_releases_its_slot(narrow: Service) -> None:
    """A request that is refused for another reason releases its slot."""
    for path in ("/v1/recommendations?n=0", "/v1/customers/%00/recommendations") * 3:
        assert narrow.get(path).status_code == 400
    for _ in range(3):
        assert narrow.get("/v1/recommendations", key=None).status_code == 401

    assert narrow.get("/v1/recommendations").status_code == 200


def test_refusals_are_counted(narrow: Service) -> None:
    """A refusal at the concurrency limit is counted with status 429."""
    labels = {"route": "recommend", "method": "GET", "status": "429"}
    before = REGISTRY.get_sample_value("recsvc_requests_total", labels) or 0
    with waiting_requests(narrow, 2):
        narrow.get("/v1/recommendations")

    assert REGISTRY.get_sample_value("recsvc_requests_total", labels) == before + 1


@pytest.mark.parametrize(("threads", "most"), [(1, 1), (2, 1), (3, 1), (64, 32)])
def test_the_limit_is_at_least_one(threads: int, most: int) -> None:
    """The limit is half of the threads, and at least one."""
    limit = ConcurrencyLimit(threads)

    def enter(number: int) -> int:
        return limit.limited(lambda: enter(number - 1))() if number else most

    assert enter(most) == most
    with pytest.raises(Overloaded):
        enter(most + 1)
