"""An acknowledged change of an offer applies to the next request on every worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from recsvc.config import Settings
from recsvc.domain.api_keys import ALL_SCOPES, KeyKind
from recsvc.domain.values.ids import ShopName
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.wiring.stores import open_stores
from tests.contract.grocery import ANNA, BERT, EVERYTHING, publish_grocery
from tests.e2e.processes import Client, Server, serving

SHOP = ShopName("default")
ROUNDS, CONNECTIONS = 10, 8


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Server, str]]:
    with EmbeddedValkey(tmp_path):
        with open_stores(Settings(data_dir=tmp_path)) as stores:
            publish_grocery(stores, SHOP)
            key = stores.api_keys.create(KeyKind.SECRET, SHOP, ALL_SCOPES).text
        with serving(tmp_path, workers=2) as running:
            yield running, key


def offered(client: Client, customer: str) -> set[str]:
    reply = client.get(f"/v1/customers/{customer}/offers")
    assert reply.status == 200
    return {each["offer_id"] for each in reply.json["offers"]}


def test_offer_changes_apply_on_both_workers(server: tuple[Server, str]) -> None:
    """Changes, claims, releases and deletions of an offer apply to the next request of every
    connection.
    """
    running, key = server
    clients = [running.client(key) for _ in range(CONNECTIONS)]
    writer = clients[0]
    for customer in (ANNA, BERT):
        writer.ask("PUT", f"/v1/customers/{customer}/consents", {"purposes": EVERYTHING})
    offer = {"title": "A deal", "kind": "gift", "caps": {"total_redeemed": 1}}
    for _ in range(ROUNDS):
        writer.ask("PUT", "/v1/offers/deal", offer)
        put = [offered(client, ANNA) for client in clients]
        writer.ask("PUT", "/v1/offers/deal", {**offer, "channels": ["app"]})
        held = writer.ask("POST", f"/v1/customers/{BERT}/offers/deal/claim", {}).json
        claimed = [offered(client, ANNA) for client in clients]
        writer.ask("POST", f"/v1/claims/{held['claim_id']}/release", {})
        released = [offered(client, ANNA) for client in clients]
        writer.ask("DELETE", "/v1/offers/deal")
        deleted = [offered(client, ANNA) for client in clients]

        assert put == released == [{"deal"}] * CONNECTIONS
        assert claimed == deleted == [set()] * CONNECTIONS
