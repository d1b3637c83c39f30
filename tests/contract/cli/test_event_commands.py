"""`recsvc events drain` moves the log to files, each entry once, with fixed column types."""

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
    "line_id": pl.String,
    "recommendation_id": pl.String,
    "decision_id": pl.String,
    "claim_id": pl.String,
    "delivery_id": pl.String,
    "channel": pl.String,
    "session_id": pl.String,
}


def drain(service: Service, folder: Path, *more: str) -> Result:
    data_dir = str(service.stores.settings.data_dir)
    options = ["--shop", service.shop, "--data-dir", data_dir, *more]
    return CliRunner().invoke(app, ["events", "drain", "--to", str(folder), *options])


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"))


def send(service: Service, *message_ids: str) -> None:
    assert post(service, *({**VIEW, "message_id": each} for each in message_ids)).status_code == 200


def test_drained_events_are_in_a_file_and_not_in_the_log(service: Service, tmp_path: Path) -> None:
    """Drained events equal the sent ones, and the columns have the same types for any content."""
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


def test_the_next_run_drains_new_events(service: Service, tmp_path: Path) -> None:
    """Files have at most `--rows-per-file` rows, and an empty log makes no file."""
    folder = tmp_path / "new"
    send(service, *"abcde")
    drain(service, folder, "--rows-per-file", "2")
    send(service, "f")
    drain(service, folder)
    drain(service, folder)

    found = [pl.read_parquet(file)["message_id"].to_list() for file in files(folder)]

    assert found == [["a", "b"], ["c", "d"], ["e"], ["f"]]


def test_entries_of_an_earlier_run_are_only_deleted(service: Service, tmp_path: Path) -> None:
    """After a kill between writing and deleting, the next run only deletes the written entries."""
    redis = service.stores.connections.writes
    name = f"{{{service.shop}}}:events"
    send(service, "a", "b")
    before = redis.xrange(name)
    drain(service, tmp_path)
    redis.delete(name)
    for entry_id, fields in before:
        redis.xadd(name, fields, entry_id)
    send(service, "c")
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
def test_an_unreadable_entry_is_counted(service: Service, tmp_path: Path, event: str) -> None:
    """An unreadable entry is counted, and the others are drained."""
    service.stores.connections.writes.xadd(f"{{{service.shop}}}:events", {"event": event})
    send(service, "a")

    run = drain(service, tmp_path, "--json")

    assert json.loads(run.stdout)["unreadable"] == 1
    assert pl.read_parquet(tmp_path / "*.parquet")["message_id"].to_list() == ["a"]


def test_two_runs_never_share_a_folder(service: Service, tmp_path: Path) -> None:
    """A run into a folder that another run uses ends with 2."""
    send(service, "a")
    lock = FileLock(tmp_path / ".lock")
    assert lock.try_own()

    run = drain(service, tmp_path)
    lock.release()

    assert run.exit_code == 2
    assert "another process is draining" in run.output
    assert len(logged(service)) == 1


def test_two_shops_never_share_a_folder(service: Service, tmp_path: Path) -> None:
    """A run into a folder of another shop's log ends with 2: their entry ids may be equal."""
    other = Service(service.stores, ShopName(f"{service.shop}-b"))
    send(service, "a")
    send(other, "b")
    drain(service, tmp_path)

    run = drain(other, tmp_path)

    assert run.exit_code == 2
    assert "has events of another log" in run.output
    assert len(logged(other)) == 1


def test_without_polars_the_error_names_the_package(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without polars the command ends with 2 and names `recsvc[train]`."""
    monkeypatch.setitem(sys.modules, "polars", None)
    send(service, "a")

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


def test_decisions_are_drained_into_their_own_folder(service: Service, tmp_path: Path) -> None:
    """Decisions are drained once, as stored, into a folder apart from the events."""
    service.consent(ANNA)
    decide(service, "a", "b")
    send(service, "event")
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
    """After a kill between writing and deleting, the next run only deletes the decisions."""
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


def test_decisions_of_withdrawn_or_erased_customers_are_not_drained(
    service: Service, tmp_path: Path
) -> None:
    """Decisions of a customer who withdrew count as gone; those of an erased one do not exist."""
    third = CustomerId("third")
    for customer in (ANNA, BERT, third):
        service.consent(customer)
        decide(service, f"of-{customer}", customer=customer)
    service.consent(ANNA, {"analytics": False})
    service.send("DELETE", f"/v1/customers/{BERT}", {})

    run = drain(service, tmp_path, "--json")

    assert decided(tmp_path) == ["of-third"]
    assert json.loads(run.stdout)["decisions_gone"] == 1
