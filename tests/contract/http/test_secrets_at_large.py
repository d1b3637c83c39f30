"""Keys and tokens in a running service: logging, revocation and limits over all workers."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recsvc.config import Settings
from recsvc.domain.values.ids import CustomerId, ShopName
from recsvc.usecases.access.customer_tokens import mint
from recsvc.wiring.stores import open_stores
from tests.contract.grocery import publish_grocery
from tests.e2e.in_process import recsvc_here
from tests.e2e.processes import Server, eventually, recsvc, serving

CANARY = CustomerId("canary-customer-4711")
LIST = f"/v1/customers/{CANARY}/recommendations"
POPULAR = "/v1/recommendations"
WORKERS = 2
LIMIT = 40


@dataclass(frozen=True)
class Running:
    server: Server
    data_dir: Path
    secret: dict[str, str]
    browser: dict[str, str]

    @property
    def token(self) -> str:
        key_id, signing = self.browser["id"], self.browser["signing_secret"]
        return mint(CANARY, key_id, signing, datetime.now(UTC))

    def statuses(self, path: str, key: str, times: int = 1, **headers: str) -> list[int]:
        """Send each request on a new connection; the kernel spreads them over the workers."""
        found = []
        for _ in range(times):
            with closing(self.server.client(key)) as client:
                found.append(client.get(path, **headers).status)
        return found


def key_of(data_dir: Path, *options: str) -> dict[str, str]:
    loaded: dict[str, str] = json.loads(
        recsvc_here("keys", "create", *options, "--json", data_dir=data_dir).stdout
    )
    return loaded


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    data_dir = tmp_path_factory.mktemp("at-large")
    secret, browser = (
        key_of(data_dir, "--scope", "all"),
        key_of(data_dir, "--publishable"),
    )
    settings = {
        "RECSVC_LOG_LEVEL": "debug",
        "RECSVC_TRUSTED_PROXIES": "127.0.0.0/8",
        "RECSVC_LIMIT_PER_ADDRESS": str(LIMIT),
    }
    with open_stores(Settings(data_dir=data_dir)) as stores:
        publish_grocery(stores, ShopName("default"))
        with serving(data_dir, workers=WORKERS, **settings) as server:
            yield Running(server, data_dir, secret, browser)


def test_neither_keys_nor_tokens_nor_customers_are_logged(running: Running) -> None:
    """Keys, tokens and customer ids are in no log line, even at debug level."""
    token, wrong = running.token, f"sk_default_{'B' * 43}"
    secret, browser = running.secret["key"], running.browser["key"]
    requests = [
        (LIST, secret, {}),
        (f"{LIST}?n=0", secret, {"X-Customer-Token": token}),
        (LIST, browser, {"X-Customer-Token": token}),
        (LIST, browser, {"X-Customer-Token": f"{token}x"}),
        (LIST, wrong, {"X-Request-Id": secret}),
        (f"/{secret}", secret, {}),
        (f"/v1/customers/{CANARY}/nothing?key={secret}", secret, {}),
    ]
    statuses = [running.statuses(path, key, **headers)[0] for path, key, headers in requests]
    with closing(running.server.client(secret)) as client:
        client.ask("PUT", f"/v1/customers/{CANARY}/consents", {"purposes": {"email": 1}})
        client.ask("POST", "/v1/events", {"events": [{"customer_id": CANARY, "type": token}]})

    eventually(lambda: "Serving" in running.server.log.read_text(), "the service says so")
    log = running.server.log.read_text()

    assert statuses == [200, 400, 200, 401, 401, 404, 405]
    hidden = [secret, browser, wrong, token, running.browser["signing_secret"], CANARY]
    assert [each for each in hidden if each in log or each[-20:] in log] == []


def test_a_revoked_key_is_refused_by_every_worker(running: Running) -> None:
    """After `keys revoke` every worker refuses the key; other keys still work."""
    leaving = key_of(running.data_dir, "--scope", "recommend")
    before = running.statuses(POPULAR, leaving["key"], 6 * WORKERS)
    recsvc("keys", "revoke", leaving["id"], data_dir=running.data_dir)

    after = running.statuses(POPULAR, leaving["key"], 6 * WORKERS)

    assert set(before) == {200}
    assert set(after) == {401}
    assert running.statuses(POPULAR, running.secret["key"]) == [200]


def test_the_workers_limit_an_address_that_a_trusted_proxy_names(running: Running) -> None:
    """All workers together keep the limit per address; other addresses are not affected."""
    one, other = ({"X-Forwarded-For": f"1.1.1.1, 198.51.100.{n}"} for n in (1, 2))

    started = time.monotonic()
    statuses = running.statuses(POPULAR, running.browser["key"], 2 * LIMIT, **one)
    refilled = (time.monotonic() - started) * LIMIT / 60

    assert set(statuses) == {200, 429}
    assert statuses.count(200) <= LIMIT + refilled
    assert running.statuses(POPULAR, running.browser["key"], **other) == [200]
