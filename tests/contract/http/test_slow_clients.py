"""Clients that announce a body and do not send it, against a server with few threads."""

import json
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import pytest

from recsvc.config import Settings
from recsvc.domain.values.ids import ShopName
from recsvc.wiring.stores import open_stores
from tests.contract.grocery import ANNA, EVERYTHING, publish_grocery
from tests.e2e.in_process import recsvc_here
from tests.e2e.processes import Reply, Server, eventually, serving

SHOP = ShopName("default")
WORKERS = 2
THREADS = 4
LIMIT = WORKERS * THREADS // 2  # sheddable requests over all workers
PATH = f"/v1/customers/{ANNA}/consents"
LIST = f"/v1/customers/{ANNA}/recommendations"
PAGES = "/v1/pages"


@dataclass(frozen=True)
class Running:
    server: Server
    key: str


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    data_dir = tmp_path_factory.mktemp("slow")
    created = recsvc_here("keys", "create", "--scope", "all", "--json", data_dir=data_dir)
    with open_stores(Settings(data_dir=data_dir)) as stores:
        publish_grocery(stores, SHOP)
        with serving(data_dir, workers=WORKERS, RECSVC_THREADS=str(THREADS)) as server:
            yield Running(server, json.loads(created.stdout)["key"])


@contextmanager
def half_sent(
    running: Running, number: int, key: str | None, line: str = f"PUT {PATH}"
) -> Iterator[list[socket.socket]]:
    """Hold connections that have each sent the headers and the first byte of a body."""
    shown = f"Authorization: Bearer {key}\r\n" if key else ""
    head = f"{line} HTTP/1.1\r\nHost: x\r\n{shown}Content-Type: application/json\r\n"
    with ExitStack() as stack:
        held = []
        for _ in range(number):
            connection = socket.create_connection(("127.0.0.1", running.server.port), timeout=10)
            held.append(stack.enter_context(connection))
            connection.sendall(f"{head}Content-Length: 1000\r\n\r\n{{".encode())
        yield held


def status_line(connection: socket.socket) -> bytes:
    return connection.recv(65536).split(b"\r\n")[0]


@pytest.mark.parametrize("key", [None, "sk_default_" + "A" * 43, "nonsense"])
def test_half_sent_bodies_without_a_key_hold_no_thread(running: Running, key: str | None) -> None:
    """Half-sent bodies without a key are refused at once, and other clients are answered."""
    with half_sent(running, WORKERS * THREADS * 4, key) as held:
        with closing(running.server.client(running.key)) as client:
            answered = [client.get(path).status for path in ("/livez", LIST, PATH)]
        refused = {status_line(connection) for connection in held}

    assert answered == [200, 200, 200]
    assert refused == {b"HTTP/1.1 401 Unauthorized"}


def test_half_sent_bodies_with_a_key_hold_no_more_than_half_of_the_threads(
    running: Running,
) -> None:
    """Beyond half of the threads, half-sent bodies get 429, and withdrawals still succeed."""
    with ExitStack() as stack:
        held = filled(running, stack)
        refused = wait_for_answers(held, len(held) - LIMIT)
        lines = {status_line(connection) for connection in refused}
        statuses, lists = sent_on_many_connections(running)

    assert lines == {b"HTTP/1.1 429 Too Many Requests"}
    assert statuses == {200}
    assert {(reply.status, reply.headers.get("retry-after")) for reply in lists} == {(429, "1")}
    with closing(running.server.client(running.key)) as client:
        eventually(lambda: client.get(LIST).status == 200, "lists are answered again")


def filled(running: Running, stack: ExitStack) -> list[socket.socket]:
    """Hold connections until every worker is at its concurrency limit.

    The workers share a port. On a busy machine one worker may accept nearly all connections that
    arrive at once, and the other then has free slots. So the test opens more connections until the
    unanswered ones equal the limit and every request for a list is refused.
    """
    held: list[socket.socket] = []

    def are_full() -> bool:
        more = half_sent(running, WORKERS * THREADS, running.key, f"POST {PAGES}")
        held.extend(stack.enter_context(more))
        wait_for_answers(held, len(held) - LIMIT)
        _, lists = sent_on_many_connections(running)
        answered = wait_for_answers(held, len(held) - LIMIT)
        return len(held) - len(answered) == LIMIT and {each.status for each in lists} == {429}

    eventually(are_full, "every worker is at its limit")
    return held


def sent_on_many_connections(running: Running) -> tuple[set[int], list[Reply]]:
    """Send withdrawals, health checks and lists; the kernel spreads them over the workers."""
    statuses: set[int] = set()
    lists = []
    for granted in (True, False) * 4:
        with closing(running.server.client(running.key)) as client:
            purposes = {"purposes": dict.fromkeys(EVERYTHING, granted)}
            statuses |= {client.get("/livez").status, client.ask("PUT", PATH, purposes).status}
            lists.append(client.get(LIST))
    return statuses, lists


def wait_for_answers(held: list[socket.socket], number: int) -> list[socket.socket]:
    """Wait until `number` connections have been answered, and return those."""
    answered: list[socket.socket] = []

    def are_answered() -> bool:
        answered[:] = select.select(held, [], [], 1)[0]
        return len(answered) >= number

    eventually(are_answered, f"{number} are answered")
    return answered


@pytest.mark.parametrize("length", [b"Content-Length: 36", b"Transfer-Encoding: chunked"])
def test_an_unread_body_is_not_parsed_as_the_next_request(running: Running, length: bytes) -> None:
    """The body of a refused request is never taken for the next request of its connection."""
    smuggled = b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n\r\n"
    body = smuggled if b"36" in length else b"24\r\n" + smuggled + b"\r\n0\r\n\r\n"
    head = b"PUT %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" % PATH.encode()
    last = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", running.server.port), timeout=10) as connection:
        connection.sendall(head + length + b"\r\n\r\n" + body + last)

        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert len(smuggled) == 36
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"HTTP/1.1 404 " not in answer


def test_a_body_in_pieces_is_read_to_its_end(running: Running) -> None:
    """A body that arrives byte by byte is accepted with a key."""
    body = json.dumps({"purposes": EVERYTHING}).encode()
    head = f"PUT {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {running.key}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", running.server.port), timeout=10) as connection:
        connection.sendall(head.encode())
        for byte in body:
            connection.sendall(bytes([byte]))

        assert status_line(connection) == b"HTTP/1.1 200 OK"
