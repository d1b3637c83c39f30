"""Concurrent claims: 64 clients and two workers never exceed a budget, cap or code pool.

Every call is sent twice with the same Idempotency-Key, as clients do after a lost response. A
worker is killed midway, and the server is restarted.
"""

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from http.client import HTTPException
from itertools import count
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from tests.e2e.processes import Client, Reply, Server, eventually, recsvc, serving
from tests.redis_server import OPTION, redis_server

CLIENTS, WORKERS = 64, 2
TOTAL, CODES, PER_CUSTOMER = 100, 50, 2
DEAL = {"title": "A deal", "kind": "free_shipping"}
BUDGET = {**DEAL, "caps": {"total_redeemed": TOTAL}}
CAPPED = {**DEAL, "caps": {"per_customer": {"limit": PER_CUSTOMER}}}
POOL: dict[str, Any] = {**DEAL, "codes": [f"CODE-{number}" for number in range(CODES)]}
KEYS = count()


@dataclass(frozen=True)
class Shop:
    data_dir: Path
    key: str
    environ: dict[str, str]

    def served(self, workers: int) -> AbstractContextManager[Server]:
        return serving(self.data_dir, workers=workers, **self.environ)


class Claimant:
    """One client that repeats each request until it is answered, then sends it once more."""

    def __init__(self, server: Server, key: str) -> None:
        self._server, self._key = server, key
        self._client = Client(server.port, key)

    def claim(self, customer: str, offer: str) -> Reply:
        path = f"/v1/customers/{customer}/offers/{offer}/claim"
        headers = {"Idempotency-Key": f"key-{next(KEYS)}"}
        first = self._insist(path, headers)
        again = self._insist(path, headers)
        assert (first.status, first.body) == (again.status, again.body)
        return first

    def close(self) -> None:
        self._client.close()

    def _insist(self, path: str, headers: dict[str, str]) -> Reply:
        return eventually(lambda: self._answer(path, headers), f"an answer from {path}")

    def _answer(self, path: str, headers: dict[str, str]) -> Reply | None:
        try:
            reply = self._client.ask("POST", path, {}, headers)
        except (OSError, HTTPException):  # the worker was killed; another one accepts
            self._client.close()
            self._client = Client(self._server.port, self._key)
            return None
        return None if reply.status in (429, 503) else reply


def claims(server: Server, key: str, customers: list[str], offer: str) -> list[Reply]:
    """Claim once for each customer, with 64 concurrent clients."""

    def work(number: int) -> list[Reply]:
        with closing(Claimant(server, key)) as claimant:
            return [claimant.claim(customer, offer) for customer in customers[number::CLIENTS]]

    with ThreadPoolExecutor(CLIENTS) as clients:
        return [reply for replies in clients.map(work, range(CLIENTS)) for reply in replies]


def granted(replies: list[Reply]) -> list[Reply]:
    """Return the successful claims; check that every refusal has an expected code."""
    codes = {reply.json["code"] for reply in replies if reply.status == 409}
    assert {reply.status for reply in replies} <= {201, 409}
    assert codes <= {"nothing_left", "cap_reached"}
    return [reply for reply in replies if reply.status == 201]


def ids(replies: list[Reply]) -> set[str]:
    return {reply.json["claim_id"] for reply in replies}


def workers_of(server: Server) -> list[int]:
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    found = [int(word) for word in children.read_text().split()]
    return [pid for pid in found if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.fixture
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """A shop with a key, at the embedded server or, with `--redis`, at a redis-server."""
    with ExitStack() as stack:
        more = {}
        if request.config.getoption(OPTION):
            more["RECSVC_REDIS_URL"] = stack.enter_context(redis_server(tmp_path))
        words = ("keys", "create", "--scope", "all", "--json")
        created = recsvc(*words, data_dir=tmp_path, **more)
        yield Shop(tmp_path, json.loads(created.stdout)["key"], more)


def prepare(server: Server, key: str, customers: int) -> None:
    client = server.client(key)
    offers = {"budget": BUDGET, "capped": CAPPED, "pool": POOL}
    for name, offer in offers.items():
        assert client.ask("PUT", f"/v1/offers/{name}", offer).status == 200
    granted_consents = {"purposes": {"offers": True, "personalization": True}}
    for number in range(customers):
        reply = client.ask("PUT", f"/v1/customers/c{number}/consents", granted_consents)
        assert reply.status == 200


def test_no_budget_cap_or_pool_is_exceeded(shop: Shop) -> None:
    """Exactly 100 redemptions, 2 per customer and 50 different codes are granted, although a worker
    is killed midway and the server is restarted.
    """
    customers = [f"c{number}" for number in range(CLIENTS)] * 2
    with shop.served(WORKERS) as server:
        prepare(server, shop.key, CLIENTS)
        killer = Timer(0.2, os.kill, (workers_of(server)[0], signal.SIGKILL))
        killer.start()
        capped = granted(claims(server, shop.key, ["c0"] * CLIENTS, "capped"))
        budget = granted(claims(server, shop.key, customers, "budget"))
        killer.join()
        pool = granted(claims(server, shop.key, customers[:40], "pool"))
        states = server.client(shop.key).get("/v1/offers").json["offers"]
    with shop.served(1) as server:
        pool += granted(claims(server, shop.key, customers[:40], "pool"))
        for offer, claimants in (("budget", customers[:10]), ("capped", ["c0"] * 5)):
            assert granted(claims(server, shop.key, claimants, offer)) == []

    assert len(ids(budget)) == len(budget) == TOTAL
    assert len(ids(capped)) == len(capped) == PER_CUSTOMER
    assert Counter(reply.json["code"] for reply in pool) == Counter(POOL["codes"])
    assert [each["state"]["taken"] for each in states] == [TOTAL, PER_CUSTOMER, 40]
