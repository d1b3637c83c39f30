"""`recsvc events drain`: what was in the log is in files, once, with types that stay."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from recsvc.cli.main import app
from recsvc.domain.offers.decision_ids import DecisionId
from recsvc.domain.offers.decision_record import DecisionRecord
from recsvc.domain.values.ids import CustomerId, ShopName
from recsvc.filesystem.file_lock import FileLock
from tests.contract.events.test_events import FULL, VIEW, post
from tests.contract.grocery import ANNA, BERT, Service
from tests.contract.logged import logged

MOMENT = pl.Datetime("us", "UTC")
SCHEMA = {
    "message_id": pl.String,
    "type": pl.String,
    "timestamp": MOMENT,
    "received_at": MOMENT,
    "customer_id": pl.String,
    "item_id": pl.String,
    "offer_id": pl.String,
    "quantity": pl.Float64,
    "price": pl.Float64,
    "order_id": pl.String,
    "recommendation_id": pl.String,
    "decision_id": pl.String,
    "claim_id": pl.String,
    "delivery_id": pl.String,
    "channel": pl.String,
    "session_id": pl.String,
}


def drain(service: Service, folder: Path, *words: str) -> Result:
    data_dir = str(service.stores.settings.data_dir)
    options = ["--shop", service.shop, "--data-dir", data_dir, *words]
    return CliRunner().invoke(app, ["events", "drain", "--to", str(folder), *options])


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"))


def tell(service: Service, *message_ids: str) -> None:
    assert post(service, *({**VIEW, "message_id": each} for each in message_ids)).status_code == 200


def test_what_was_told_is_in_a_file_and_no_longer_in_the_log(
    service: Service, tmp_path: Path
) -> None:
    """As it was sent, with types that do not depend on what there was."""
    service.consent(ANNA)
    post(service, FULL, VIEW)

    run = drain(service, tmp_path, "--json")

    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout) == {
        "events": 2,
        "decisions": 0,
        "files": 1,
        "already_there": 0,
        "unreadable": 0,
        "decisions_gone": 0,
    }
    table = pl.read_parquet(tmp_path / "*.parquet")
    assert dict(table.schema) == SCHEMA
    full, view = table.rows(named=True)
    assert full["timestamp"] == datetime(2026, 1, 2, 2, 4, 5, 6, UTC)
    assert {name: full[name] for name in FULL if name != "timestamp"} == {
        name: value for name, value in FULL.items() if name != "timestamp"
    }
    assert view["timestamp"] == view["received_at"]
    assert [name for name, value in view.items() if value is not None] == [
        "message_id",
        "type",
        "timestamp",
        "received_at",
        "item_id",
    ]
    assert logged(service) == []


def test_the_next_run_takes_what_came_since(service: Service, tmp_path: Path) -> None:
    """Each file has as many rows as were asked for, and an empty log makes no file."""
    folder = tmp_path / "new"
    tell(service, *"abcde")
    drain(service, folder, "--rows-per-file", "2")
    tell(service, "f")
    drain(service, folder)
    drain(service, folder)

    found = [pl.read_parquet(file)["message_id"].to_list() for file in files(folder)]

    assert found == [["a", "b"], ["c", "d"], ["e"], ["f"]]


def test_what_an_earlier_run_wrote_is_only_removed(service: Service, tmp_path: Path) -> None:
    """It was killed between the two: its file's name tells."""
    redis = service.stores.connections.writes
    name = f"{{{service.shop}}}:events"
    tell(service, "a", "b")
    before = redis.xrange(name)
    drain(service, tmp_path)
    redis.delete(name)
    for entry_id, fields in before:
        redis.xadd(name, fields, entry_id)
    tell(service, "c")
    (tmp_path / ".tmp-half").write_bytes(b"PAR1")

    run = drain(service, tmp_path, "--json")

    assert json.loads(run.stdout)["already_there"] == 2
    assert pl.read_parquet(tmp_path / "*.parquet")["message_id"].to_list() == ["a", "b", "c"]
    assert not (tmp_path / ".tmp-half").exists()


MOMENT = "2026-01-02T03:04:05Z"
READABLE = {"message_id": "m", "type": "view", "timestamp": MOMENT, "received_at": MOMENT}


@pytest.mark.parametrize(
    "event",
    [
        "{",
        "[]",
        "{}",
        json.dumps({**READABLE, "timestamp": 5}),
        json.dumps({**READABLE, "received_at": "yesterday"}),
        json.dumps({**READABLE, "price": "abc"}),
        json.dumps({**READABLE, "item_id": ["a"]}),
    ],
)
def test_an_entry_that_nobody_can_read_stops_nothing(
    service: Service, tmp_path: Path, event: str
) -> None:
    """It is counted."""
    service.stores.connections.writes.xadd(f"{{{service.shop}}}:events", {"event": event})
    tell(service, "a")

    run = drain(service, tmp_path, "--json")

    assert json.loads(run.stdout)["unreadable"] == 1
    assert pl.read_parquet(tmp_path / "*.parquet")["message_id"].to_list() == ["a"]


def test_two_runs_never_share_a_folder(service: Service, tmp_path: Path) -> None:
    """The second is told so."""
    tell(service, "a")
    lock = FileLock(tmp_path / ".lock")
    assert lock.try_own()

    run = drain(service, tmp_path)
    lock.release()

    assert run.exit_code == 2
    assert "another process is draining" in run.output
    assert len(logged(service)) == 1


def test_two_shops_never_share_a_folder(service: Service, tmp_path: Path) -> None:
    """The ids of one log would hide entries of the other."""
    other = Service(service.stores, ShopName(f"{service.shop}-b"))
    tell(service, "a")
    tell(other, "b")
    drain(service, tmp_path)

    run = drain(other, tmp_path)

    assert run.exit_code == 2
    assert "has events of another log" in run.output
    assert len(logged(other)) == 1


def test_without_polars_it_says_what_to_install(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service runs without it."""
    monkeypatch.setitem(sys.modules, "polars", None)
    tell(service, "a")

    run = drain(service, tmp_path)

    assert run.exit_code == 2
    assert "recsvc[train]" in run.output
    assert len(logged(service)) == 1


CONTENT = '{"offers":["deal"]}'
DECISION_SCHEMA = {
    "decision_id": pl.String,
    "at": SCHEMA["timestamp"],
    "customer": pl.String,
    "content": pl.String,
}


def decide(service: Service, *names: str, customer: CustomerId = ANNA) -> None:
    key = service.services.hasher(service.shop).key_of(customer)
    made = [DecisionRecord(DecisionId(name), key, 1_000_000, CONTENT.encode()) for name in names]
    assert service.stores.decisions.save(service.shop, made) == len(names)


def decided(folder: Path) -> list[str]:
    found = [pl.read_parquet(file) for file in files(folder / "decisions")]
    return [name for table in found for name in table["decision_id"]]


def test_decisions_are_drained_beside_the_events(service: Service, tmp_path: Path) -> None:
    """Once, and as they were kept; whoever reads the folder's files reads events alone."""
    service.consent(ANNA)
    decide(service, "a", "b")
    tell(service, "event")
    first, second = (json.loads(drain(service, tmp_path, "--json").stdout) for _ in range(2))

    (file,) = files(tmp_path / "decisions")
    table = pl.read_parquet(file)
    assert dict(table.schema) == DECISION_SCHEMA
    assert table.row(0) == (
        "a",
        datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        service.services.hasher(service.shop).key_of(ANNA).hex(),
        CONTENT,
    )
    assert decided(tmp_path) == ["a", "b"]
    assert (first["events"], first["decisions"], first["files"]) == (1, 2, 2)
    assert (second["decisions"], second["files"]) == (0, 0)
    assert pl.read_parquet(tmp_path / "*.parquet")["message_id"].to_list() == ["event"]


def test_a_decision_is_never_written_twice(service: Service, tmp_path: Path) -> None:
    """A run that was killed before the log was told is made good by the next one."""
    service.consent(ANNA)
    redis, name = service.stores.connections.writes, f"{{{service.shop}}}:decisions-log"
    decide(service, "a", "b")
    before = redis.xrange(name)
    drain(service, tmp_path)
    redis.delete(name)
    for entry_id, fields in before:
        redis.xadd(name, fields, entry_id)
    decide(service, "c")

    run = drain(service, tmp_path, "--json")

    assert json.loads(run.stdout)["already_there"] == 2
    assert decided(tmp_path) == ["a", "b", "c"]


def test_decisions_of_who_withdrew_or_was_erased_are_not_drained(
    service: Service, tmp_path: Path
) -> None:
    """Withdrawn: counted as gone. Erased: there is nothing left to count."""
    third = CustomerId("third")
    for customer in (ANNA, BERT, third):
        service.consent(customer)
        decide(service, f"of-{customer}", customer=customer)
    service.consent(ANNA, {"analytics": False})
    service.send("DELETE", f"/v1/customers/{BERT}", {})

    run = drain(service, tmp_path, "--json")

    assert decided(tmp_path) == ["of-third"]
    assert json.loads(run.stdout)["decisions_gone"] == 1
