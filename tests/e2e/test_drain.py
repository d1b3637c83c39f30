"""The drain command, killed at arbitrary points and started again."""

import random
from pathlib import Path

import polars as pl

from recsvc.config import Settings
from recsvc.domain.events import Event, EventType, Outcome
from recsvc.domain.values.ids import ItemId, ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.stores.events.event_arguments import IncomingEvent
from recsvc.wiring.stores import Stores, stores_at
from tests.e2e import forked
from tests.e2e.processes import PATIENCE_SECONDS, environment, eventually, recsvc

SHOP = ShopName("default")
KILLS = 8


def store_events(stores: Stores, first: int, count: int) -> None:
    events = [
        IncomingEvent(Event(f"m-{number}", EventType.VIEW, item_id=ItemId("milk")))
        for number in range(first, first + count)
    ]
    assert set(stores.events.add(SHOP, events)) == {Outcome.NEW}


def killed_drain(data_dir: Path, folder: Path, after_files: int) -> None:
    """Drain into small files and kill the process after it has written `after_files` of them."""

    def written() -> int:
        return len(list(folder.glob("*.parquet")))

    wanted = written() + after_files
    words = ["events", "drain", "--to", str(folder), "--rows-per-file", "3"]
    process = forked.start(words, data_dir / "drain.log", environment(data_dir))
    eventually(lambda: written() >= wanted, "some files are written")
    process.kill()
    process.wait(PATIENCE_SECONDS)


def test_no_event_is_lost_or_repeated_under_kill_9(tmp_path: Path) -> None:
    """Each event is drained exactly once, although the drain is killed while it writes, renames or
    removes.
    """
    folder, chance = tmp_path / "drained", random.Random(7)
    folder.mkdir()
    with EmbeddedValkey(tmp_path) as server:
        stores = stores_at(Settings(data_dir=tmp_path), server.url)
        for kill in range(KILLS):
            store_events(stores, 300 * kill, 300)
            killed_drain(tmp_path, folder, chance.randint(1, 60))
        recsvc("events", "drain", "--to", str(folder), data_dir=tmp_path)
        left = stores.connections.writes.xlen(redis_keys.events(SHOP))
        stores.connections.close()

    drained = pl.read_parquet(folder / "*.parquet")["message_id"].to_list()

    assert left == 0
    assert sorted(drained) == sorted(f"m-{number}" for number in range(300 * KILLS))
