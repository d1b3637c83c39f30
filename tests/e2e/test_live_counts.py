"""Events accepted by one worker change the popular lists of all workers, without a model."""

import json
from pathlib import Path

from tests.e2e.in_process import recsvc_here
from tests.e2e.processes import Server, eventually, serving

WORKERS = 2
CONNECTIONS = 12  # enough for both workers to accept some


def popular(server: Server, key: str) -> list[list[str]]:
    replies = [server.client(key).get("/v1/recommendations?n=2") for _ in range(CONNECTIONS)]
    return [[item["item_id"] for item in reply.json["items"]] for reply in replies]


def test_every_worker_counts_recent_events(tmp_path: Path) -> None:
    """Every worker puts a purchased item first within seconds, and no request is needed for it."""
    created = recsvc_here("keys", "create", "--scope", "all", "--json", data_dir=tmp_path)
    key = json.loads(created.stdout)
    with serving(tmp_path, workers=WORKERS) as server:
        shop = server.client(key["key"])
        for item in ("a", "b"):
            assert shop.ask("PUT", f"/v1/items/{item}", {}).status == 200
        before = popular(server, key["key"])
        event = {"message_id": "m", "type": "purchase", "item_id": "b"}
        accepted = shop.ask("POST", "/v1/events", {"events": [event]})

        assert before == [["a", "b"]] * CONNECTIONS
        assert accepted.json == {"results": [{"status": 201}]}
        eventually(
            lambda: popular(server, key["key"]) == [["b", "a"]] * CONNECTIONS,
            "all workers put the purchased item first",
        )
