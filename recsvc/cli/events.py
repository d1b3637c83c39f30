"""`recsvc events`: drain the event log into files for training and measurement."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from recsvc.cli.event_files import EventFolder, check_parquet, opened
from recsvc.cli.options import DEFAULT_SHOP, AsJson, DataDir, Shop, settings_of, shop_of
from recsvc.cli.output import print_json, say, stderr
from recsvc.domain.ids import ShopName
from recsvc.stores.event_log import EventLog
from recsvc.wiring import open_stores

ROWS_PER_FILE = 20_000

app = typer.Typer(help="The event log: drain.", no_args_is_help=True)


@dataclass(slots=True)
class Drained:
    """`already_there`: entries that an earlier run wrote and was stopped before removing."""

    events: int = 0
    files: int = 0
    already_there: int = 0
    unreadable: int = 0


@app.callback()
def events() -> None:
    """Keep `drain` a command of its own: the only one of a group would be the group."""


@app.command()
def drain(
    to: Annotated[Path, typer.Option("--to", help="Folder of the Parquet files.")],
    rows_per_file: Annotated[int, typer.Option(min=1, max=1_000_000)] = ROWS_PER_FILE,
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Move the events of the log into Parquet files; no event is lost or written twice.

    An entry leaves the log once its file is on disk. A run that was killed at any point is made
    good by the next one into the same folder.
    """
    check_parquet()
    name = shop_of(shop)
    # Also a store that might lose what it acknowledges is drained: the sooner the better.
    with open_stores(settings_of(data_dir), durable=False) as stores:
        source = f"shop {name} of the secret {stores.secret.fingerprint()}"
        with opened(to, source) as folder:
            drained = _drain(EventLog(stores.connections), name, folder, rows_per_file)
    if as_json:
        print_json(asdict(drained))
        return
    say(f"{drained.events:,} events drained into {drained.files:,} files in {to}.")
    if drained.unreadable:
        say(f"warning: {drained.unreadable:,} entries of the log could not be read")


def _drain(log: EventLog, shop: ShopName, folder: EventFolder, rows_per_file: int) -> Drained:
    """Drain what is in the log now; what arrives meanwhile is the next run's."""
    drained = Drained()
    last = log.last_id(shop)
    if last is None:
        return drained
    with Progress(console=stderr, transient=True) as progress:
        task = progress.add_task("Draining events", total=log.length(shop))
        while entries := log.oldest(shop, last, rows_per_file):
            fresh = [entry for entry in entries if not folder.holds(entry.entry_id)]
            if fresh:
                written = folder.write(fresh)
                drained.events += written
                drained.unreadable += len(fresh) - written
                drained.files += 1
            drained.already_there += len(entries) - len(fresh)
            log.remove_through(shop, entries[-1].entry_id)
            progress.advance(task, len(entries))
    return drained
