"""Repeated `Sec-GPC` headers through the real server, which joins the lines."""

import json
import socket
from contextlib import closing
from pathlib import Path

from recsvc.config import Settings
from recsvc.domain.values.ids import ShopName
from recsvc.wiring.stores import open_stores
from tests.contract.grocery import ANNA, EVERYTHING, publish_grocery
from tests.e2e.in_process import recsvc_here
from tests.e2e.processes import Server, serving

CUSTOMER = f"/v1/customers/{ANNA}"


def test_one_of_several_privacy_signals_denies(tmp_path: Path) -> None:
    """One `Sec-GPC: 1` among several lines denies, in any order."""
    made = recsvc_here("keys", "create", "--scope", "all", "--json", data_dir=tmp_path)
    key = json.loads(made.stdout)["key"]
    with open_stores(Settings(data_dir=tmp_path)) as stores:
        publish_grocery(stores, ShopName("default"))
        with serving(tmp_path) as server, closing(server.client(key)) as client:
            client.ask("PUT", f"{CUSTOMER}/consents", {"purposes": EVERYTHING})
            silent = is_personal(server, key)
            denied = [
                is_personal(server, key, *signals) for signals in ("1", "11", "10", "01", "001")
            ]
            allowed = is_personal(server, key, "0", "0")

    assert (silent, denied, allowed) == (True, [False] * 5, True)


def is_personal(server: Server, key: str, *signals: str) -> bool:
    """Request Anna's list with one `Sec-GPC` line per signal; return True if it is personal."""
    lines = [f"GET {CUSTOMER}/recommendations HTTP/1.1", "Host: x", "Connection: close"]
    lines += [f"Authorization: Bearer {key}", *(f"Sec-GPC: {signal}" for signal in signals)]
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return bool(json.loads(answer.partition(b"\r\n\r\n")[2])["personalized"])
