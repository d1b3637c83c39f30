"""An acknowledged withdrawal applies on every worker and is stored on disk."""

import os
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from typing import Literal

import pytest

from recsvc.config import Settings
from recsvc.domain.api_keys import ALL_SCOPES, KeyKind
from recsvc.domain.consent.consent import ConsentState, Purpose
from recsvc.domain.consent.hash_chain import chain_faults
from recsvc.domain.values.ids import CustomerId, ShopName
from recsvc.domain.values.timestamps import rfc3339
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.wiring.stores import Stores, open_stores
from tests.consents import now_us, status_now
from tests.contract.grocery import ANNA, BERT, publish_grocery
from tests.e2e.processes import Client, Server, serving
from tests.integration.servers import process_of

SHOP = ShopName("default")
THREADS, CONNECTIONS, WORKERS, ACTS = 8, 4, 2, 120
CUSTOMERS = [ANNA, BERT]

Did = Literal["grant", "withdraw", "personal", "generic"]


@dataclass(frozen=True)
class Act:
    """One action of a client, with the times when it began and ended."""

    customer: CustomerId
    did: Did
    began: float
    ended: float


@pytest.fixture
def key(tmp_path: Path) -> Iterator[str]:
    """Yield a key of a shop with a model; the store runs until the end of the test."""
    with EmbeddedValkey(tmp_path), open_stores(Settings(data_dir=tmp_path)) as stores:
        publish_grocery(stores, SHOP)
        yield stores.api_keys.create(KeyKind.SECRET, SHOP, ALL_SCOPES).text


def acts_of_one(port: int, key: str, number: int, start: Barrier) -> list[Act]:
    """Grant, withdraw, import a grant of yesterday and read, over several connections."""
    chance, clients = random.Random(number), [Client(port, key) for _ in range(CONNECTIONS)]
    yesterday = rfc3339(now_us() - 86_400_000_000)
    acts = []
    start.wait()
    for _ in range(ACTS):
        client, customer = chance.choice(clients), chance.choice(CUSTOMERS)
        choice = chance.random()
        began = time.monotonic()
        if choice < 0.3:
            granted = choice < 0.15
            body = {"purposes": {"personalization": granted}}
            reply = client.ask("PUT", f"/v1/customers/{customer}/consents", body)
            did: Did = "grant" if granted else "withdraw"
        elif choice < 0.4:
            line = {"customer_id": customer, "purposes": {"personalization": True}, "at": yesterday}
            headers = {"Content-Type": "application/x-ndjson"}
            assert client.ask("POST", "/v1/consents", line, headers).status == 200
            continue
        else:
            reply = client.get(f"/v1/customers/{customer}/recommendations")
            did = "personal" if reply.json["personalized"] else "generic"
        acts.append(Act(customer, did, began, time.monotonic()))
        assert reply.status == 200, reply.body
    for client in clients:
        client.close()
    return acts


def is_explained(read: Act, acts: list[Act]) -> bool:
    """Return whether a statement explains the read: it began before the read ended, and no other
    statement came entirely between the two.
    """
    expected: Did = "grant" if read.did == "personal" else "withdraw"
    statements = [act for act in acts if act.customer == read.customer and act.did in STATEMENTS]
    return any(
        each.did == expected
        and each.began < read.ended
        and not any(each.ended < other.began and other.ended < read.began for other in statements)
        for each in statements
    )


STATEMENTS = ("grant", "withdraw")


def test_no_personal_list_starts_after_an_acknowledged_withdrawal(tmp_path: Path, key: str) -> None:
    """Eight clients and two workers change and read two customers, and every read matches a
    statement that may have been the latest.
    """
    start = Barrier(THREADS)
    with serving(tmp_path, workers=WORKERS) as server:
        first = [withdrawn(server.client(key), customer) for customer in CUSTOMERS]
        with ThreadPoolExecutor(THREADS) as pool:
            tasks = [
                pool.submit(acts_of_one, server.port, key, number, start)
                for number in range(THREADS)
            ]
            acts = [*first, *(act for task in tasks for act in task.result())]
    reads = [act for act in acts if act.did not in STATEMENTS]

    assert {act.did for act in acts} == {"grant", "withdraw", "personal", "generic"}
    assert [read for read in reads if not is_explained(read, acts)] == []


def withdrawn(client: Client, customer: CustomerId) -> Act:
    began = time.monotonic()
    body = {"purposes": {"personalization": False}}
    assert client.ask("PUT", f"/v1/customers/{customer}/consents", body).status == 200
    return Act(customer, "withdraw", began, time.monotonic())


def test_the_oracle_rejects_a_personal_list_that_came_too_late() -> None:
    """The oracle accepts reads that match a concurrent statement and rejects reads that come too
    late.
    """
    granted, withdrew = Act(ANNA, "grant", 0, 1), Act(ANNA, "withdraw", 2, 3)

    assert is_explained(Act(ANNA, "personal", 2.5, 4), [granted, withdrew])
    assert not is_explained(Act(ANNA, "personal", 3.5, 4), [granted, withdrew])
    assert is_explained(Act(ANNA, "generic", 3.5, 4), [granted, withdrew])
    assert not is_explained(Act(ANNA, "generic", 1.5, 1.8), [granted, withdrew])


def test_a_killed_server_loses_no_withdrawal(tmp_path: Path) -> None:
    """All 100 acknowledged withdrawals are stored after the service and its store are killed
    together.
    """
    customers = [CustomerId(f"c{number}") for number in range(100)]
    embedded = EmbeddedValkey(tmp_path)
    with open_stores(Settings(data_dir=tmp_path)) as stores:
        key = stores.api_keys.create(KeyKind.SECRET, SHOP, ALL_SCOPES).text
        granted = dict.fromkeys(Purpose, True)
        for customer in customers:
            stores.consents.write(SHOP, stores.hasher(SHOP).key_of(customer), granted)
    with serving(tmp_path, workers=2) as server:
        url = embedded.join()
        clients = [server.client(key) for _ in range(2)]
        body = {"purposes": dict.fromkeys(Purpose, False)}
        for number, customer in enumerate(customers):
            reply = clients[number % 2].ask("PUT", f"/v1/customers/{customer}/consents", body)
            assert reply.status == 200, reply.body
        kill_all(server, process_of(url))
    embedded.leave()

    with open_stores(Settings(data_dir=tmp_path)) as stores:
        states = {state(stores, each, purpose) for each in customers for purpose in Purpose}
        head, last = stores.history.head_and_last_row(SHOP)
        found = list(chain_faults(SHOP, stores.history.chained_rows(SHOP, last=last), head))

    assert states == {ConsentState.WITHDRAWN}
    assert (found, last) == ([], 1000)


def state(stores: Stores, customer: CustomerId, purpose: Purpose) -> ConsentState:
    record = stores.consents.read(SHOP, stores.hasher(SHOP).key_of(customer))
    return status_now(record).state(purpose)


def kill_all(server: Server, store: int) -> None:
    """Kill the service with its workers, which would restart the store, and the store."""
    for process in [server.process.pid, *descendants(server.process.pid), store]:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    server.process.wait()


def descendants(process: int) -> list[int]:
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [each for child in map(int, children) for each in (child, *descendants(child))]
