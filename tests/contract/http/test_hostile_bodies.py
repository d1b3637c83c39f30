"""Hostile bodies against a real worker: problem documents, bounded memory, no crash."""

import gzip
import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest

from recsvc.config import Settings
from recsvc.domain.values.ids import ShopName
from recsvc.web.app import ROUTES
from recsvc.web.http.bodies import MAX_LINES, NDJSON_TYPE
from recsvc.web.http.route import Route
from recsvc.wiring.stores import open_stores
from tests.contract.grocery import publish_grocery
from tests.e2e.in_process import recsvc_here
from tests.e2e.processes import serving

WITH_BODY = [route for route in ROUTES if route.body is not None]
FLAT_KIB = 160 * 1024  # allowed growth of peak memory over all bodies of this module
GIGABYTE_OF_MEGABYTES = 1024
NESTED = 30_000  # levels; below the limit of 64 KiB for JSON

HOSTILE = {
    "nested arrays": b"[" * 100_000,
    "nested arrays, closed": b"[" * NESTED + b"]" * NESTED,
    "nested objects": b'{"a":' * 12_000,
    "NaN": b'{"placements": NaN, "item_id": NaN}',
    "Infinity": b'{"placements": -Infinity, "item_id": -Infinity}',
    "1e999": b'{"placements": 1e999, "item_id": 1e999}',
    "5,000 digits": b'{"placements": %s, "item_id": 1}' % (b"7" * 5000),
    "one key twice": b'{"placements": [], "placements": [], "item_id": "a", "item_id": "a"}',
    "half a surrogate pair": b'{"placements": "\\ud800", "item_id": "\\ud800"}',
    "no UTF-8": b'{"placements": "\xff", "item_id": "\xff"}',
    "nothing": b"",
    "NULs": b"\0" * 60_000,
    "a number": b"1",
}


@dataclass(frozen=True)
class Worker:
    """One worker process and the key to call it."""

    port: int
    pid: int
    key: str

    def peak_kib(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+)", status)[0])

    def send(self, route: Route, body: bytes, **headers: str) -> tuple[int, str, bytes]:
        sent = {
            "Authorization": f"Bearer {self.key}",
            "Content-Type": route.body_kind.media_type,
            **{name.replace("_", "-"): text for name, text in headers.items()},
        }
        path = re.sub(r"<id:\w+>", "a", route.path)
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(route.method, path, body, sent)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type", ""), answer.read()


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    data_dir = tmp_path_factory.mktemp("hostile")
    created = recsvc_here("keys", "create", "--scope", "all", "--json", data_dir=data_dir)
    key = json.loads(created.stdout)["key"]
    with open_stores(Settings(data_dir=data_dir)) as stores:
        publish_grocery(stores, ShopName("default"))
        with serving(data_dir) as server, closing(server.client(key)) as client:
            found = Worker(server.port, client.get("/readyz").json["pid"], key)
            before = found.peak_kib()
            yield found
            assert client.get("/readyz").json["pid"] == found.pid
            assert found.peak_kib() - before < FLAT_KIB


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("route", WITH_BODY, ids=lambda route: route.name)
def test_a_hostile_body_is_refused(worker: Worker, route: Route, body: bytes) -> None:
    """Every route with a body refuses a hostile body; an NDJSON route refuses it per line."""
    status, media_type, answer = worker.send(route, body)

    if route.body_kind.media_type == NDJSON_TYPE:
        results = json.loads(answer)["results"]
        assert (status, {result["status"] for result in results} - {422}) == (200, set())
    else:
        assert 400 <= status < 500
        assert media_type == "application/problem+json"
        assert json.loads(answer)["status"] == status


@pytest.fixture(scope="module")
def bomb() -> bytes:
    return gzip.compress(b" " * 20_000_000)


@pytest.mark.parametrize("route", WITH_BODY, ids=lambda route: route.name)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Encoding": "gzip"}, 415),
        ({"Content_Encoding": "br"}, 415),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/json; charset=utf-16"}, 415),
        ({"Content_Type": "multipart/form-data; boundary=x"}, 415),
    ],
    ids=str,
)
def test_a_compressed_bomb_is_not_decompressed(
    worker: Worker, bomb: bytes, route: Route, headers: dict[str, str], status: int
) -> None:
    """A compressed body or one of another media type is a 415; it is not decompressed or parsed."""
    answered, media_type, _ = worker.send(route, bomb, **headers)

    assert (answered, media_type) == (status, "application/problem+json")


@pytest.mark.parametrize("route", WITH_BODY, ids=lambda route: route.name)
@pytest.mark.parametrize("has_key", [True, False])
def test_a_gigabyte_in_chunks_is_not_read(worker: Worker, route: Route, has_key: bool) -> None:
    """The worker closes the connection when a body is too long, or at once without a key."""
    path = re.sub(r"<id:\w+>", "a", route.path)
    shown = f"Authorization: Bearer {worker.key}\r\n" if has_key else ""
    head = f"{route.method} {path} HTTP/1.1\r\nHost: x\r\n{shown}Transfer-Encoding: chunked\r\n"
    head += f"Content-Type: {route.body_kind.media_type}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", worker.port), timeout=60) as connection:
        connection.sendall(head.encode())
        with pytest.raises(OSError, match=r"Broken pipe|reset by peer"):
            send_a_gigabyte(connection)


def send_a_gigabyte(connection: socket.socket) -> None:
    for _ in range(GIGABYTE_OF_MEGABYTES):
        connection.sendall(b"100000\r\n" + b" " * 0x100000 + b"\r\n")


OPTIONAL = [route for route in WITH_BODY if route.body_is_optional]


@pytest.mark.parametrize("route", OPTIONAL, ids=lambda route: route.name)
@pytest.mark.parametrize(
    ("headers", "body", "statuses"),
    [
        ("", b"", {404, 409}),
        ("Content-Length: 0\r\n", b"", {404, 409}),
        ("Content-Type: application/json\r\nContent-Length: 0\r\n", b"", {404, 409}),
        ("Content-Type: application/json\r\n", b"", {404, 409}),
        ("Content-Length: 9\r\n", b'{"a": 1} ', {415}),
        ("Transfer-Encoding: chunked\r\n", b'8\r\n{"a": 1}\r\n0\r\n\r\n', {415}),
    ],
    ids=["no length", "length 0", "a type and length 0", "a type", "a length", "chunked"],
)
def test_an_optional_body_is_left_out_or_read(
    worker: Worker, route: Route, headers: str, body: bytes, statuses: set[int]
) -> None:
    """No bytes mean an empty object, whatever the Content-Type; bytes without a type are a 415."""
    path = re.sub(r"<id:\w+>", "a", route.path)
    head = f"{route.method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {worker.key}\r\n"
    with socket.create_connection(("127.0.0.1", worker.port), timeout=60) as connection:
        connection.sendall(f"{head}{headers}\r\n".encode() + body)
        answer = connection.makefile("rb").readline()

    assert int(answer.split()[1]) in statuses


def test_lines_are_counted_before_they_are_parsed(worker: Worker) -> None:
    """A body with too many lines is a 413; its results would take gigabytes of memory."""
    (route,) = [
        route for route in WITH_BODY if route.path == "/v1/items" and route.method == "POST"
    ]

    status, media_type, answer = worker.send(route, b"1\n" * (MAX_LINES + 1))

    assert (status, media_type) == (413, "application/problem+json")
    assert json.loads(answer)["detail"] == f"the body has more than {MAX_LINES} lines"
