"""Bodies that end before their announced length, against a real worker: nothing of them applies."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path

import pytest

from recsvc.config import Settings
from recsvc.domain.values.ids import ShopName
from recsvc.web.app import MAX_TARGET_BYTES, ROUTES
from recsvc.web.http.bodies import MAX_BODY_BYTES, NDJSON_TYPE
from recsvc.web.http.route import Route
from recsvc.wiring.stores import open_stores
from tests.contract.grocery import ZOE, publish_grocery
from tests.e2e.in_process import recsvc_here
from tests.e2e.processes import Server, serving

WITH_BODY = [route for route in ROUTES if route.body is not None]
OF_LINES = [route for route in WITH_BODY if route.body_kind.media_type == NDJSON_TYPE]
Answer = tuple[int, dict[str, str], bytes]  # status, headers, body

GRANT = b'{"purposes": {"personalization": true}}'


@dataclass(frozen=True)
class Running:
    server: Server
    key: str

    def send(self, line: str, headers: str, body: bytes = b"", *, is_cut: bool = False) -> Answer:
        """Send a request; if it `is_cut`, end the sending side of the connection after it."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=60) as connection:
            connection.sendall(self._head(line, headers) + body)
            if is_cut:
                connection.shutdown(socket.SHUT_WR)
            answer = HTTPResponse(connection)
            answer.begin()
            return answer.status, dict(answer.getheaders()), answer.read()

    def abandon(self, line: str, headers: str, body: bytes) -> None:
        """Send the start of a request and close the connection."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=60) as connection:
            connection.sendall(self._head(line, headers) + body)

    def _head(self, line: str, headers: str) -> bytes:
        key = f"Authorization: Bearer {self.key}"
        return f"{line} HTTP/1.1\r\nHost: x\r\n{key}\r\n{headers}\r\n".encode()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    data_dir: Path = tmp_path_factory.mktemp("cut")
    created = recsvc_here("keys", "create", "--scope", "all", "--json", data_dir=data_dir)
    with open_stores(Settings(data_dir=data_dir)) as stores:
        publish_grocery(stores, ShopName("default"))
        with serving(data_dir) as server:
            yield Running(server, json.loads(created.stdout)["key"])


def line_of(route: Route) -> str:
    path = re.sub(r"<id:\w+>", "a", route.path)
    return f"{route.method} {path}"


@pytest.mark.parametrize("route", WITH_BODY, ids=lambda route: route.name)
def test_a_cut_body_is_refused(running: Running, route: Route) -> None:
    """A route with a body answers 400 `incomplete_body` if fewer bytes than announced arrive."""
    headers = f"Content-Type: {route.body_kind.media_type}\r\nContent-Length: 500\r\n"

    status, _, content = running.send(line_of(route), headers, GRANT, is_cut=True)

    assert (status, json.loads(content)["code"]) == (400, "incomplete_body")


def test_a_cut_grant_is_not_recorded(running: Running) -> None:
    """A complete JSON text in an incomplete body changes no consent."""
    path = f"/v1/customers/{ZOE.encode().hex()}/consents"
    headers = "Content-Type: application/json\r\nContent-Length: 500\r\n"
    running.abandon(f"PUT {path}", headers, GRANT)
    status, _, content = running.send(f"PUT {path}", headers, GRANT, is_cut=True)
    with closing(running.server.client(running.key)) as client:
        purposes = client.get(path).json["purposes"]

    assert (status, json.loads(content)["code"]) == (400, "incomplete_body")
    assert {purpose["state"] for purpose in purposes.values()} == {"unknown"}


@pytest.mark.parametrize("route", OF_LINES, ids=lambda route: route.name)
def test_lines_need_a_length(running: Running, route: Route) -> None:
    """Lines in chunks are a 411: the server cannot tell that the last chunks are missing."""
    headers = f"Content-Type: {NDJSON_TYPE}\r\nTransfer-Encoding: chunked\r\n"

    status, fields, content = running.send(line_of(route), headers, b"3\r\n{}\n\r\n0\r\n\r\n")

    assert (status, json.loads(content)["code"]) == (411, "length_required")
    assert fields["connection"] == "close"


@pytest.mark.parametrize("route", WITH_BODY, ids=lambda route: route.name)
def test_an_early_refusal_of_a_large_body_closes_the_connection(
    running: Running, route: Route
) -> None:
    """The client learns that its connection ends, and sends no further request on it."""
    too_many = route.body_kind.most_bytes + 1
    assert too_many > MAX_BODY_BYTES
    headers = f"Content-Type: {route.body_kind.media_type}\r\nContent-Length: {too_many}\r\n"

    status, fields, _ = running.send(line_of(route), headers)

    assert (status, fields["connection"]) == (413, "close")


@pytest.mark.parametrize("path", ["/v1/recommendations", "/v1/customers/a/consents", "/none"])
def test_a_long_target_is_a_problem_document(running: Running, path: str) -> None:
    """Path and query above the limit are a 414 that names the limit."""
    status, fields, content = running.send(f"GET {path}?exclude={'a' * MAX_TARGET_BYTES}", "")

    assert (status, fields["content-type"]) == (414, "application/problem+json")
    assert json.loads(content)["code"] == "uri_too_long"
    assert str(MAX_TARGET_BYTES) in json.loads(content)["detail"]
