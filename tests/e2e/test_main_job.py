"""The main scenario through real processes: train, publish, serve, recommend, withdraw."""

import csv
import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.processes import (
    Client,
    Server,
    eventually,
    recsvc_here,
    recsvc_train,
    serving,
)
from tests.e2e.trainer import train_here

ALL_PURPOSES = dict.fromkeys(("personalization", "offers", "email", "analytics", "training"), True)
LABELS = ["recommendation_id", "fallback"]
BETWEEN_SECONDS = 0.1  # between two requests while a model is trained


def write_two_taste_groups(path: Path) -> None:
    """Write purchases of 20 customers over 60 days: half buy only `tea-*`, half only `nut-*`."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["customer_id", "item_id", "timestamp", "quantity", "price", "order_id"])
        for customer in range(20):
            taste = "tea" if customer < 10 else "nut"
            for visit in range(12):
                day = 1 + (visit * 5 + customer) % 60
                when = f"2026-0{1 + day // 31}-{1 + day % 28:02d}T10:00:00Z"
                for pick in range(3):
                    item = f"{taste}-{(customer + visit * pick) % 6}"
                    rows.writerow([f"c{customer}", item, when, 1, "2.50", f"o{customer}-{visit}"])


@dataclass(frozen=True)
class Shop:
    data_dir: Path
    purchases: Path
    key: str
    browser_key: str
    server: Server

    def client(self) -> Client:
        return self.server.client(self.key)

    def train(self) -> str:
        run = recsvc_train(
            *("run", "--purchases", str(self.purchases), "--consents", "assume-granted", "--json"),
            data_dir=self.data_dir,
        )
        return str(json.loads(run.stdout)["version"])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Return a trained shop that two workers serve."""
    data_dir = tmp_path_factory.mktemp("shop")
    purchases = data_dir / "purchases.csv"
    write_two_taste_groups(purchases)
    words = ("run", "--purchases", str(purchases), "--consents", "assume-granted")
    train_here(*words, data_dir=data_dir)
    created = recsvc_here("keys", "create", "--scope", "all", "--json", data_dir=data_dir)
    browser = recsvc_here("keys", "create", "--publishable", "--json", data_dir=data_dir)
    with serving(data_dir, workers=2) as server:
        key, browser_key = json.loads(created)["key"], json.loads(browser)["key"]
        yield Shop(data_dir, purchases, key, browser_key, server)


def one_client_per_worker(shop: Shop) -> dict[int, Client]:
    """Open connections until each worker has one; `/readyz` returns the worker's process id."""
    clients: dict[int, Client] = {}

    def both() -> bool:
        client = shop.client()
        pid = client.get("/readyz").json["pid"]
        clients.setdefault(pid, client)
        return len(clients) == 2

    eventually(both, "each of the two workers answers a connection")
    return clients


def without_labels(answer: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in answer.items() if name not in LABELS}


def test_a_withdrawal_applies_to_the_next_request_on_each_worker(shop: Shop) -> None:
    """A withdrawal sent to one worker makes the next response of every worker anonymous."""
    clients = one_client_per_worker(shop)
    writer = shop.client()
    path = "/v1/customers/c3/recommendations?n=5"

    for _ in range(5):
        writer.ask("PUT", "/v1/customers/c3/consents", {"purposes": ALL_PURPOSES})
        granted = [client.get(path).json for client in clients.values()]
        writer.ask("PUT", "/v1/customers/c3/consents", {"purposes": {"personalization": False}})
        withdrawn = [client.get(path).json for client in clients.values()]
        generic = writer.get("/v1/recommendations?slate=popular&n=5").json

        assert [answer["personalized"] for answer in granted] == [True, True]
        assert [answer["fallback"] for answer in withdrawn] == ["no_consent", "no_consent"]
        assert [without_labels(answer) for answer in withdrawn] == [without_labels(generic)] * 2


def test_personal_lists_follow_the_customers_taste(shop: Shop) -> None:
    """A tea customer is recommended tea, and a nut customer nuts."""
    client = shop.client()
    for customer in ("c4", "c14"):
        client.ask("PUT", f"/v1/customers/{customer}/consents", {"purposes": ALL_PURPOSES})

    tea = client.get("/v1/customers/c4/recommendations?n=3").json["items"]
    nuts = client.get("/v1/customers/c14/recommendations?n=3").json["items"]

    assert {item["item_id"].split("-")[0] for item in tea} == {"tea"}
    assert {item["item_id"].split("-")[0] for item in nuts} == {"nut"}


def test_a_new_model_is_served_by_every_worker_without_a_failed_request(shop: Shop) -> None:
    """Requests to both workers succeed while a model is published, and both then serve the new
    version.
    """
    clients = one_client_per_worker(shop)

    def served() -> set[str]:
        replies = [client.get("/v1/recommendations?n=3") for client in clients.values()]

        assert [reply.status for reply in replies] == [200, 200]
        return {reply.json["model_version"] for reply in replies}

    with ThreadPoolExecutor(1) as beside:
        training = beside.submit(shop.train)
        while not wait([training], BETWEEN_SECONDS).done:
            served()
    published = training.result()

    assert eventually(lambda: served() == {published}, "every worker serves the new version")


def test_a_killed_worker_is_replaced(shop: Shop) -> None:
    """A worker killed with SIGKILL is replaced, and the service keeps both workers."""
    clients = one_client_per_worker(shop)
    victim = next(iter(clients))
    os.kill(victim, signal.SIGKILL)

    def replaced() -> bool:
        try:
            return victim not in one_client_per_worker(shop)
        except OSError:
            return False

    assert eventually(replaced, "a new worker replaces the killed one")
