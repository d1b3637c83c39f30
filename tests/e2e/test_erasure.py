"""No input brings an erased customer back, and the customer's id remains in no file and no key."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import redis

from recsvc.config import Settings
from recsvc.domain.api_keys import ALL_SCOPES, KeyKind
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client.connection import client
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.wiring.stores import open_stores
from tests.contract.grocery import ANNA, BERT, publish_grocery
from tests.e2e.processes import Client, eventually, recsvc_here, serving
from tests.e2e.trainer import train_here

SHOP = ShopName("default")
CANARY = "canary-7f3e9a1c@example.com"
OTHER = "neighbour-20c4@example.com"
EVERYTHING = dict.fromkeys(("personalization", "offers", "email", "analytics", "training"), True)


def purchases(folder: Path) -> Path:
    """Write a shop in which each customer repeatedly buys one of two kinds of items."""
    people = [CANARY, OTHER, *(f"person-{number}" for number in range(40))]
    first = datetime.now(UTC) - timedelta(days=120)
    lines = ["customer_id,item_id,timestamp"]
    for place, person in enumerate(people):
        for visit in range(12):
            at = (first + timedelta(days=visit * 9, minutes=place)).isoformat()
            lines += [f"{person},{'ab'[place % 2]}{(place + visit + n) % 6},{at}" for n in range(3)]
    file = folder / "purchases.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def consents(folder: Path, *people: str) -> Path:
    at = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    file = folder / "consents.ndjson"
    rows = [{"customer_id": customer, "purposes": EVERYTHING, "at": at} for customer in people]
    file.write_text("\n".join(map(json.dumps, rows)))
    return file


def answer(asking: Client, customer: str = CANARY) -> tuple[bool, str | None]:
    found = asking.get(f"/v1/customers/{customer}/recommendations").json
    return found["personalized"], found["fallback"]


def events(*messages: str, by: Sequence[str] = (CANARY, OTHER)) -> dict[str, object]:
    event = {"type": "purchase", "item_id": "a1", "session_id": "s", "price": 1.5}
    at = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    return {
        "events": [
            {
                **event,
                "message_id": f"{message} {place}",
                "customer_id": customer,
                "order_id": f"order of {customer}",
                "timestamp": at,
            }
            for message in messages
            for place, customer in enumerate(by)
        ]
    }


def everything_in(store: redis.Redis) -> Iterator[bytes]:
    """Yield the name of every key, and each key's value as the server would copy it."""
    for name in store.scan_iter(count=1000):
        yield name
        if store.type(name) == b"stream":
            yield repr(store.xrange(name)).encode()
        else:
            yield store.dump(name) or b""


def disable_compression(data_dir: Path) -> None:
    """Turn off the server's compression, so that a search finds ids in its copies."""
    with EmbeddedValkey(data_dir) as server, client(server.url, 5) as store:
        store.config_set("rdbcompression", "no")


def places_of(text: str, data_dir: Path) -> list[str]:
    """Return the files of the data folder and the keys of the store that contain the text."""
    files = [
        str(path.relative_to(data_dir))
        for path in data_dir.rglob("*")
        if path.is_file() and text.encode() in path.read_bytes()
    ]
    with EmbeddedValkey(data_dir) as server, client(server.url, 5) as store:
        return files + [
            f"key {part[:40]!r}" for part in everything_in(store) if text.encode() in part
        ]


def test_an_erased_customer_stays_erased(tmp_path: Path) -> None:
    """An erased customer stays unknown after old events, an old grant, an old model and a restart,
    and the id is found nowhere.
    """
    data_dir, outside = tmp_path / "data", tmp_path / "outside"
    outside.mkdir()
    file = purchases(outside)
    made = recsvc_here("keys", "create", "--scope", "all", "--json", data_dir=data_dir)
    key = json.loads(made)["key"]
    people = [CANARY, OTHER, *(f"person-{number}" for number in range(40))]
    recsvc_here("consents", "import", str(consents(outside, *people)), data_dir=data_dir)
    train = ["run", "--purchases", str(file), "--consents", "service", "--windows", "1"]
    train_here(*train, data_dir=data_dir)
    with serving(data_dir) as server:
        asking = server.client(key)
        disable_compression(data_dir)
        profile = {"attributes": {"mail": CANARY}}
        assert asking.ask("PATCH", f"/v1/customers/{CANARY}/profile", profile).status == 200
        assert asking.ask("POST", "/v1/events", events("one", "two")).status == 200
        assert answer(asking) == (True, None)
        planted = places_of(CANARY, data_dir)

        reply = asking.ask("DELETE", f"/v1/customers/{CANARY}")

        assert reply.status == 200
        assert reply.json["append_only_file"] == {"rewrite": "started"}
        assert answer(asking) == (False, "unknown_customer")
        assert asking.ask("POST", "/v1/events", events("one", "again", by=[CANARY])).status == 200
        recsvc_here("consents", "import", str(consents(outside, CANARY)), data_dir=data_dir)
        assert answer(asking) == (False, "unknown_customer")
        assert answer(asking, OTHER) == (True, None)
        eventually(lambda: not places_of(CANARY, data_dir), "the id is found nowhere")
        metrics = asking.get("/metrics")
        assert metrics.status == 200
        assert CANARY.encode() not in metrics.body

    assert planted
    with serving(data_dir) as server:
        assert answer(server.client(key)) == (False, "unknown_customer")
        assert answer(server.client(key), OTHER) == (True, None)
    assert places_of(CANARY, data_dir) == []
    assert places_of(OTHER, data_dir) != []


SLATES = ("for_you", "discover", "buy_again")
VIEW = {"message_id": "m", "type": "view", "item_id": "item-01", "customer_id": ANNA}


@dataclass(frozen=True)
class Grocery:
    """A running service with two models that both contain Anna."""

    data_dir: Path
    asking: Client
    versions: Sequence[str]

    def use(self, *words: str) -> None:
        """Change the model by command and wait until it is in use."""
        recsvc_here("models", *words, data_dir=self.data_dir)
        current = (self.data_dir / "models" / SHOP / "CURRENT").read_text().strip()
        eventually(lambda: self.answer("/v1/recommendations")["model_version"] == current, current)

    def answer(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.asking.get(path).json
        del answer["recommendation_id"]
        return answer

    def lists(self, customer: str) -> list[dict[str, Any]]:
        path = f"/v1/customers/{customer}/recommendations"
        return [self.answer(f"{path}?slate={slate}") for slate in SLATES]

    def is_masked(self) -> bool:
        """Return whether Anna gets only anonymous lists, while Bert gets personal ones."""
        generic = self.answer("/v1/recommendations")
        assert [each["personalized"] for each in self.lists(BERT)] == [True] * len(SLATES)
        return self.lists(ANNA) == [{**generic, "fallback": "unknown_customer"}] * len(SLATES)

    def reasons(self) -> set[str]:
        return {item["reason"]["code"] for each in self.lists(ANNA) for item in each["items"]}


def test_older_models_do_not_know_an_erased_customer(tmp_path: Path) -> None:
    """An erased customer is unknown to models that are activated, rolled back to or loaded after a
    restart, and stays unknown to them after a new grant.
    """
    with EmbeddedValkey(tmp_path), open_stores(Settings(data_dir=tmp_path)) as stores:
        versions = [publish_grocery(stores, SHOP, first) for first in ("item-00", "item-000")]
        key = stores.api_keys.create(KeyKind.SECRET, SHOP, ALL_SCOPES).text
        for customer in (ANNA, BERT):
            granted = dict.fromkeys(Purpose, True)
            stores.consents.write(SHOP, stores.hasher(SHOP).key_of(customer), granted)
    with serving(tmp_path) as server:
        shop = Grocery(tmp_path, server.client(key), versions)
        known, popular = shop.lists(ANNA), shop.answer("/v1/recommendations")
        assert shop.asking.ask("DELETE", f"/v1/customers/{ANNA}").status == 200
        masked, popular_since = [shop.is_masked()], shop.answer("/v1/recommendations")
        for words in (("activate", versions[0]), ("activate", versions[1]), ("rollback",)):
            shop.use(*words)
            masked.append(shop.is_masked())
    with serving(tmp_path) as server:
        shop = Grocery(tmp_path, server.client(key), versions)
        masked.append(shop.is_masked())
        grants = {"purposes": EVERYTHING}
        assert shop.asking.ask("PUT", f"/v1/customers/{ANNA}/consents", grants).status == 200
        masked.append(shop.is_masked())
        assert shop.asking.ask("POST", "/v1/events", {"events": [VIEW]}).status == 200
        unknown = [(shop.lists(ANNA)[0], shop.reasons())]
        shop.use("activate", versions[1])
        unknown.append((shop.lists(ANNA)[0], shop.reasons()))

    assert [each["personalized"] for each in known] == [True] * len(SLATES)
    assert masked == [True] * 6
    assert popular_since == popular  # popular lists keep a trace, see docs/privacy.md
    assert [(each["personalized"], each["model_version"]) for each, _ in unknown] == [
        (True, version) for version in versions
    ]
    assert [reasons for _, reasons in unknown] == [{"because_you_viewed", "popular"}] * 2
