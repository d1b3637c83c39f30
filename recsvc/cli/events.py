"""`recsvc events`: drain events and decisions into files for training and measurement."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from recsvc.cli.drain_files import (
    DrainedLog,
    DrainFolder,
    check_parquet,
    decision_table,
    event_table,
    make_folder,
    open_folder,
)
from recsvc.cli.options import DEFAULT_SHOP, AsJson, DataDir, Shop, known_shop, settings_of
from recsvc.cli.output import print_json, say, stderr
from recsvc.domain.values.ids import ShopName
from recsvc.stores.events.event_log import EventLog, LogEntry
from recsvc.stores.offers.decisions import DecisionStore
from recsvc.wiring.stores import open_stores

ROWS_PER_FILE = 20_000
DECISIONS = "decisions"  # their own folder, so that all files of `--to` hold events

app = typer.Typer(help="Drain the event log.", no_args_is_help=True)


@dataclass(slots=True)
class DrainCounts:
    """Counts of entries of one log.

    `already_there`: written by an earlier run that stopped before it deleted them from the log.
    """

    written: int = 0
    files: int = 0
    already_there: int = 0
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class DrainReport:
    """`decisions_gone`: expired, over the limit of a customer, or no longer permitted."""

    events: int
    decisions: int
    files: int
    already_there: int
    unreadable: int
    decisions_gone: int


@app.callback()
def events() -> None:
    """Keep `drain` a subcommand: typer merges the only command of a group into the group."""


@app.command()
def drain(
    to: Annotated[Path, typer.Option("--to", help="Folder of the Parquet files.")],
    rows_per_file: Annotated[int, typer.Option(min=1, max=1_000_000)] = ROWS_PER_FILE,
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Move events and offer decisions from the log to Parquet files, each exactly once.

    An entry is deleted from the log after its file is on disk. If a run is killed, the next run
    into the same folder completes it.
    """
    check_parquet()
    # A store that may lose acknowledged writes is drained too: its events are at risk.
    with open_stores(settings_of(data_dir), durable=False) as stores:
        name = known_shop(stores, shop)
        make_folder(to)
        source = f"shop {name} of the secret {stores.secret.fingerprint()}"
        with open_folder(to, source, DrainedLog("events", event_table)) as folder:
            events = _drain(EventLog(stores.connections), name, folder, rows_per_file)
        drain = DrainedLog(DECISIONS, _decisions(stores.decisions, name))
        with open_folder(to / DECISIONS, source, drain) as folder:
            decisions = _drain(stores.decisions.log, name, folder, rows_per_file)
    _report(_sum(events, decisions), to, as_json)


def _decisions(store: DecisionStore, shop: ShopName) -> Callable[[Sequence[LogEntry]], Any]:
    """Return a function that reads the decisions of a log of ids into a table."""

    def table(entries: Sequence[LogEntry]) -> Any:
        ids = [entry.event.decode() for entry in entries]
        return decision_table(store.permitted(shop, ids))

    return table


def _sum(events: DrainCounts, decisions: DrainCounts) -> DrainReport:
    return DrainReport(
        events.written,
        decisions.written,
        events.files + decisions.files,
        events.already_there + decisions.already_there,
        events.left_out,
        decisions.left_out,
    )


def _report(report: DrainReport, to: Path, as_json: bool) -> None:
    if as_json:
        print_json(asdict(report))
        return
    say(
        f"{report.events:,} events and {report.decisions:,} decisions drained into "
        f"{report.files:,} files in {to}."
    )
    if report.unreadable:
        say(f"warning: {report.unreadable:,} entries of the log were unreadable")
    if report.decisions_gone:
        say(
            f"{report.decisions_gone:,} decisions are no longer stored: older than "
            "RECSVC_DECISION_DAYS, over the limit of a customer, or no longer permitted"
        )


def _drain(log: EventLog, shop: ShopName, folder: DrainFolder, rows_per_file: int) -> DrainCounts:
    """Drain the entries that are in the log now. Later ones are left to the next run."""
    drained = DrainCounts()
    last = log.last_id(shop)
    if last is None:
        return drained
    with Progress(console=stderr, transient=True) as progress:
        task = progress.add_task("Draining", total=log.length(shop))
        while entries := log.oldest(shop, last, rows_per_file):
            new_entries = [entry for entry in entries if not folder.holds(entry.entry_id)]
            if new_entries:
                written = folder.write(new_entries)
                drained.written += written
                drained.left_out += len(new_entries) - written
                drained.files += 1
            drained.already_there += len(entries) - len(new_entries)
            log.delete_through(shop, entries[-1].entry_id)
            progress.advance(task, len(entries))
    return drained
