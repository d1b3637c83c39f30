"""Decision records survive a clean stop of the server."""

from pathlib import Path

from recsvc.config import Settings
from recsvc.domain.api_keys import ALL_SCOPES, KeyKind
from recsvc.domain.values.ids import ShopName
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.wiring.stores import open_stores
from tests.contract.grocery import ANNA, EVERYTHING, publish_grocery
from tests.e2e.processes import serving

SHOP = ShopName("default")
DECISIONS = 20


def test_a_clean_stop_loses_no_record(tmp_path: Path) -> None:
    """A server that is stopped right after its last response has stored every decision record."""
    with EmbeddedValkey(tmp_path), open_stores(Settings(data_dir=tmp_path)) as stores:
        publish_grocery(stores, SHOP)
        key = stores.api_keys.create(KeyKind.SECRET, SHOP, ALL_SCOPES).text
        with serving(tmp_path) as server:
            clients = [server.client(key) for _ in range(DECISIONS)]
            clients[0].ask("PUT", f"/v1/customers/{ANNA}/consents", {"purposes": EVERYTHING})
            clients[0].ask("PUT", "/v1/offers/deal", {"title": "A deal", "kind": "gift"})
            replies = [client.get(f"/v1/customers/{ANNA}/offers") for client in clients]
            server.process.terminate()
            code = server.process.wait(60)

        made = [reply.json["decision_id"] for reply in replies]
        kept = [name for name in made if stores.decisions.get(SHOP, name) is not None]

    assert code == 0
    assert kept == made
