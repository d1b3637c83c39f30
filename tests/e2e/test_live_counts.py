"""What is told to one worker shows in the lists of all of them, without a model and by itself."""

import json
from pathlib import Path

from tests.e2e.in_process import recsvc_here
from tests.e2e.processes import Server, eventually, serving

WORKERS = 2
CONNECTIONS = 12  # enough for both workers to have some


def popular(server: Server, key: str) -> list[list[str]]:
    replies = [server.client(key).get("/v1/recommendations?n=2") for _ in range(CONNECTIONS)]
    return [[item["item_id"] for item in reply.json["items"]] for reply in replies]


def test_every_worker_learns_what_is_wanted(tmp_path: Path) -> None:
    """Within seconds, and nobody has to ask for it."""
    made = recsvc_here("keys", "create", "--scope", "all", "--json", data_dir=tmp_path)
    key = json.loads(made.stdout)
    with serving(tmp_path, workers=WORKERS) as server:
        shop = server.client(key["key"])
        for item in ("a", "b"):
            assert shop.ask("PUT", f"/v1/items/{item}", {}).status == 200
        before = popular(server, key["key"])
        event = {"message_id": "m", "type": "purchase", "item_id": "b"}
        told = shop.ask("POST", "/v1/events", {"events": [event]})

        assert before == [["a", "b"]] * CONNECTIONS
        assert told.json == {"results": [{"status": 201}]}
        eventually(
            lambda: popular(server, key["key"]) == [["b", "a"]] * CONNECTIONS,
            "all workers put the wanted item first",
        )
