"""`recsvc serve` as a process with two workers: tests that need a real socket."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from recsvc.cli.workers_folder import LATEST_TIME_FILE
from recsvc.config import Settings
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.consents.shared_clock import shared_timestamp
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.wiring.stores import Stores, open_stores
from tests.consents import now_us
from tests.contract.grocery import ANNA, EVERYTHING, publish_grocery
from tests.e2e.in_process import recsvc_here
from tests.e2e.processes import Client, Server, command, eventually, serving, started
from tests.integration.servers import frozen, kill_server

SHOP = ShopName("default")
WORKERS = 2
HOUR_US = 3_600_000_000


@dataclass(frozen=True)
class Running:
    data_dir: Path
    stores: Stores
    server: Server
    key: str


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    data_dir = tmp_path_factory.mktemp("serve")
    made = recsvc_here("keys", "create", "--scope", "all", "--json", data_dir=data_dir)
    with open_stores(Settings(data_dir=data_dir)) as stores:
        publish_grocery(stores, SHOP)
        temporary = data_dir / "tmp"
        temporary.mkdir()
        with serving(data_dir, workers=WORKERS, start=started, TMPDIR=str(temporary)) as server:
            yield Running(data_dir, stores, server, json.loads(made.stdout)["key"])


@contextmanager
def connections(running: Running, number: int) -> Iterator[list[Client]]:
    """Yield keep-alive connections, which the kernel spreads over the workers."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(closing(running.server.client(running.key))) for _ in range(number)
        ]


def test_serving_is_said_once_it_is_true(running: Running) -> None:
    """The line with the address follows the first answer; granian's earlier one is left out."""
    eventually(lambda: "Serving default at" in running.server.log.read_text(), "the address")

    assert "Listening at" not in running.server.log.read_text()


def every_worker(running: Running) -> list[Client]:
    """Yield a keep-alive connection to each worker; the kernel chooses the worker of each."""
    of_worker: dict[int, Client] = {}

    def reached() -> bool:
        client = running.server.client(running.key)
        of_worker.setdefault(client.get("/readyz").json["pid"], client)
        return len(of_worker) == WORKERS

    eventually(reached, "every worker has answered")
    return list(of_worker.values())


def _recsvc(data_dir: Path, *words: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
    return command("recsvc.cli.main", *words, data_dir=data_dir, expect=expect)


def raw(running: Running, target: bytes) -> tuple[int, bytes]:
    """Send a request line with these bytes; return the status and the body."""
    with socket.create_connection(("127.0.0.1", running.server.port), timeout=10) as connection:
        connection.sendall(
            b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\n\r\n"
            % (target, running.key.encode())
        )
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body


@pytest.mark.parametrize(
    "wrong",
    [b"", b".", b"..", b"%2e%2e", b"a%2F..", b"a//./b", b"%00", b"%ff", b"%0d%0a", b"a" * 129],
)
def test_an_invalid_id_reaches_the_rule_for_ids(running: Running, wrong: bytes) -> None:
    """The server passes an invalid id in a path unchanged, and the rule for ids refuses it."""
    status, body = raw(running, b"/v1/customers/%s/recommendations" % wrong)

    assert (status, json.loads(body)["code"]) == (400, "bad_id")


@pytest.mark.parametrize(
    "item", [b"AB%2F12-3", b"gid%3A%2F%2Fshopify%2FProduct%2F1", b"%2Fa", b"a/b"]
)
def test_an_id_may_contain_slashes(running: Running, item: bytes) -> None:
    """An id with slashes, encoded or not, is the id of the path."""
    status, body = raw(running, b"/v1/items/%s/recommendations" % item)

    assert (status, json.loads(body)["fallback"]) == (200, "unknown_item")


@pytest.mark.parametrize("query", [b"n=%D9%A1", b"n=+5", b"n=%ff", b"n=5&n=7", "n=١".encode()])
def test_query_bytes_reach_the_parser_unchanged(running: Running, query: bytes) -> None:
    """Percent signs, plus signs and non-ASCII bytes of a query reach the parser unchanged."""
    status, body = raw(running, b"/v1/recommendations?" + query)

    assert (status, json.loads(body)["errors"][0]["field"]) == (400, "n")


def test_metrics_are_the_sum_of_all_workers(running: Running) -> None:
    """Each worker reports the sum of all workers: 60 more after 60 answers."""
    before = _items_answered(running)
    for _ in range(60):
        assert raw(running, b"/v1/items/item-00/recommendations")[0] == 200

    after = [_items_answered(running) for _ in range(6)]

    assert after == [before + 60] * 6


def _items_answered(running: Running) -> float:
    _, body = raw(running, b"/metrics")
    return sum(
        found.value
        for family in text_string_to_metric_families(body.decode())
        for found in family.samples
        if found.name == "recsvc_requests_total" and found.labels["route"] == "recommend_for_item"
    )


def test_every_worker_updates_the_shared_timestamp(running: Running) -> None:
    """The workers share their latest timestamp, so that none goes back when the clock does."""
    (file,) = (running.data_dir / "tmp").glob(f"*/{LATEST_TIME_FILE}")
    shared, path = shared_timestamp(file), f"/v1/customers/{ANNA}/recommendations"
    seen = [shared[0]]
    for client in every_worker(running) * 2:
        assert client.get(path).status == 200
        seen.append(shared[0])

    assert abs(seen[-1] - now_us()) < HOUR_US
    assert seen == sorted(set(seen))


def test_a_new_model_is_served_within_two_seconds_and_no_request_fails(running: Running) -> None:
    """Requests on several connections succeed while a version is published."""
    statuses: list[int] = []
    versions: list[str] = []
    stop = threading.Event()

    def ask(clients: list[Client]) -> None:
        for client in clients:
            reply = client.get("/v1/recommendations?n=5")
            statuses.append(reply.status)
            versions.append(reply.json["model_version"])

    def keep_asking(clients: list[Client]) -> None:
        while not stop.is_set():
            ask(clients)

    clients = every_worker(running)
    asking = threading.Thread(target=keep_asking, args=(clients,))
    asking.start()
    published = publish_grocery(running.stores, SHOP, first="a-novelty")
    stop.wait(2.0)
    stop.set()
    asking.join()
    versions.clear()
    ask(clients)

    assert set(statuses) == {200}
    assert set(versions) == {published}


def test_a_withdrawal_through_one_connection_is_seen_on_every_other(running: Running) -> None:
    """Every worker applies a change of consent to its next request."""
    path = f"/v1/customers/{ANNA}"
    seen = []
    clients = every_worker(running)
    for granted in (True, False, True, False):
        purposes = dict.fromkeys(EVERYTHING, granted)
        clients[0].ask("PUT", f"{path}/consents", {"purposes": purposes})
        answers = [client.get(f"{path}/recommendations").json for client in clients]
        seen.append({answer["personalized"] for answer in answers})

    assert seen == [{True}, {False}, {True}, {False}]


def test_many_idle_connections_do_not_starve_others(running: Running) -> None:
    """Idle keep-alive connections, as each backend holds them, do not block new requests."""
    with connections(running, 150) as idle:
        answered = {client.get("/livez").status for client in idle}

        status, _ = raw(running, b"/v1/recommendations")

    assert (answered, status) == ({200}, 200)


def test_a_port_in_use_is_one_error_line(running: Running) -> None:
    """A second service on a port in use fails instead of sharing it."""
    port = running.server.port

    refused = _recsvc(running.data_dir, "serve", "--port", str(port), expect=2)

    assert f"cannot listen at 127.0.0.1:{port}" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert raw(running, b"/livez")[0] == 200


def test_serve_needs_an_api_key(tmp_path: Path) -> None:
    """`serve` without an API key fails and names the command that creates one."""
    refused = _recsvc(tmp_path, "serve", "--port", "8000", expect=2)

    assert "recsvc keys create --scope all" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_log_is_json_without_customer_ids(running: Running) -> None:
    """Every line of the log is JSON, also those about an unreadable key and a failed view."""
    redis = running.stores.connections.writes
    redis.hset(redis_keys.api_keys(SHOP), "who-is-it", b"{}")
    redis.hincrby(redis_keys.epochs(SHOP), redis_keys.EPOCH_OF_KEYS, 1)
    [metrics] = (running.data_dir / "tmp").glob("recsvc-workers-*")
    spoilt = metrics / "counter_0.db"
    spoilt.write_bytes(b"who-is-it")
    raw(running, b"/v1/customers/who-is-it/recommendations")
    status, _ = raw(running, b"/metrics")
    spoilt.unlink()
    redis.hdel(redis_keys.api_keys(SHOP), "who-is-it")

    lines = [line for line in running.server.log.read_text().splitlines() if line.startswith("{")]

    assert status == 500
    assert {"api_key_unreadable", "request_failed"} <= {json.loads(line)["event"] for line in lines}
    assert "who-is-it" not in running.server.log.read_text()


@pytest.mark.parametrize(
    ("number", "workers"),
    [(signal.SIGTERM, 2), (signal.SIGINT, 1)],
    ids=["SIGTERM", "SIGINT"],
)
def test_the_service_ends_cleanly(tmp_path: Path, number: int, workers: int) -> None:
    """SIGTERM ends the service with 0, without leftover processes or folders; its data is kept."""
    made = recsvc_here("keys", "create", "--scope", "all", "--json", data_dir=tmp_path)
    key = json.loads(made.stdout)["id"]
    folder = tmp_path / "tmp"
    folder.mkdir()
    with serving(tmp_path, workers=workers, start=started, TMPDIR=str(folder)) as server:
        pids = _worker_pids(server, workers)
        server.process.send_signal(number)
        code = server.process.wait(30)

    assert code == 0, server.log.read_text()
    assert not [pid for pid in pids if _lives(pid)]
    assert not list(folder.glob("recsvc-workers-*"))
    listed = json.loads(recsvc_here("keys", "list", "--json", data_dir=tmp_path).stdout)
    assert [entry["id"] for entry in listed] == [key]


def test_workers_end_when_their_parent_is_killed(running: Running, tmp_path: Path) -> None:
    """After `kill -9` of the parent the workers exit. The next start removes their folder, and
    keeps that of another running service.
    """
    recsvc_here("keys", "create", "--scope", "all", data_dir=tmp_path)
    folder = running.data_dir / "tmp"
    others = set(folder.glob("recsvc-workers-*"))
    with serving(tmp_path, workers=WORKERS, TMPDIR=str(folder)) as server:
        workers = _worker_pids(server, WORKERS)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(30)
        eventually(lambda: not [pid for pid in workers if _lives(pid)], "all workers are gone")

    abandoned = set(folder.glob("recsvc-workers-*")) - others
    with serving(tmp_path, TMPDIR=str(folder)) as server, closing(server.client()) as client:
        kept = set(folder.glob("recsvc-workers-*"))

        assert client.get("/livez").status == 200
    assert len(abandoned) == len(others) == 1
    assert others < kept
    assert len(kept) == 2  # of the two that serve
    assert not kept & abandoned


def test_it_recovers_from_a_killed_store_under_a_long_path(tmp_path: Path) -> None:
    """A killed embedded server is restarted at the address that the workers already have."""
    data_dir = tmp_path / ("d" * 120)
    made = recsvc_here("keys", "create", "--scope", "all", "--json", data_dir=data_dir)
    path = f"/v1/customers/{ANNA}/consents"
    with serving(data_dir) as server:
        client = server.client(json.loads(made.stdout)["key"])
        kill_server(EmbeddedValkey(data_dir).url)

        def written() -> bool:
            return client.ask("PUT", path, {"purposes": EVERYTHING}).status == 200

        eventually(written, "consent can be written again")


def test_it_ends_in_ten_seconds_though_the_store_hangs(tmp_path: Path) -> None:
    """The service stops before systemd, Docker or Kubernetes would kill it."""
    recsvc_here("keys", "create", "--scope", "all", data_dir=tmp_path)
    with serving(tmp_path) as server, frozen(EmbeddedValkey(tmp_path).url):
        eventually(lambda: '"waiting"' in server.log.read_text(), "it is waiting for the store")
        began = time.monotonic()
        server.process.terminate()
        code = server.process.wait(30)
        took = time.monotonic() - began

    assert code == 0, server.log.read_text()
    assert took < 10
    # The server that was left behind is used, and stopped.
    recsvc_here("keys", "list", data_dir=tmp_path)


def test_a_start_that_waits_for_a_hanging_store_says_so_and_can_be_stopped(tmp_path: Path) -> None:
    """A start that waits for a hanging store logs it, and SIGTERM ends it."""
    with EmbeddedValkey(tmp_path) as store, frozen(store.url), (tmp_path / "log").open("wb") as log:
        starting = subprocess.Popen(
            [sys.executable, "-m", "recsvc.cli.main", "serve", "--data-dir", str(tmp_path)],
            stderr=log,
        )
        eventually(lambda: '"waiting"' in (tmp_path / "log").read_text(), "it says that it waits")
        starting.terminate()
        code = starting.wait(10)

    assert code == 0


def _worker_pids(server: Server, workers: int) -> set[int]:
    def all_started() -> set[int]:
        found = re.findall(r"worker-\d+ with PID: (\d+)", server.log.read_text())
        return set(map(int, found)) if len(found) == workers else set()

    pids: set[int] = eventually(all_started, "all workers were started")
    return pids


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
