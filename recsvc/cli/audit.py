"""`recsvc audit`: check that the history of consents is whole; show the end to keep elsewhere."""

import time
from pathlib import Path
from typing import Annotated

import typer

from recsvc.cli.options import DEFAULT_SHOP, AsJson, DataDir, Shop, settings_of, shop_of
from recsvc.cli.output import complain, print_json, print_text, say
from recsvc.domain.audit import HEAD_RULE, Finding, Head, beginning, findings, read_head
from recsvc.domain.errors import BadRequest
from recsvc.domain.ids import ShopName
from recsvc.domain.moments import rfc3339
from recsvc.stores.history import HistoryStore
from recsvc.wiring import open_stores

EXIT_NOT_WHOLE = 3

app = typer.Typer(help="The history of consents: verify, head.", no_args_is_help=True)


@app.command()
def verify(
    head: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|TEXT", help="An earlier head, as `audit head` prints it, or its file."
        ),
    ] = None,
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Walk the history; exit 3, naming the row, when one was edited, removed or moved.

    With --head also when the history does not begin with what it was at that head, as after a
    backup was restored that is older.
    """
    kept = None if head is None else _kept(head)
    started = time.monotonic()
    with open_stores(settings_of(data_dir), durable=False) as stores:
        end, finding = _walked(stores.history, shop_of(shop), kept)
    if as_json:
        print_json(_report(end, finding))
    elif finding is None:
        say(f"{end.count:,} rows, all as they were written ({time.monotonic() - started:.1f} s).")
    if finding is not None:
        complain(f"row {finding.n} {finding.what}")
        raise typer.Exit(EXIT_NOT_WHOLE)


@app.command()
def head(shop: Shop = DEFAULT_SHOP, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Print how many rows the history has, their hash and the last one's time.

    Keep it where whoever can change the store cannot: `audit verify --head` compares.
    """
    with open_stores(settings_of(data_dir), durable=False) as stores:
        found = stores.history.head(shop_of(shop)) or beginning(shop_of(shop))
    if as_json:
        print_json({"count": found.count, "hash": found.digest, "at": rfc3339(found.at_us)})
    else:
        print_text(str(found))


def _walked(
    history: HistoryStore, shop: ShopName, kept: Head | None
) -> tuple[Head, Finding | None]:
    """Walk as far as the history was written when we began; others may go on writing."""
    said, last = history.ends(shop)
    links = history.walk(shop, last=last) if last else iter(())
    finding = next(findings(shop, links, said, kept), None)
    return said or beginning(shop), finding


def _kept(text: str) -> Head:
    file = Path(text)
    try:
        text = file.read_text(encoding="utf-8") if file.is_file() else text
    except (OSError, UnicodeDecodeError) as fault:
        raise BadRequest(f"--head: {file} cannot be read: {fault}") from None
    kept = read_head(text)
    if kept is None:
        raise BadRequest(f"--head is neither a file nor a head: {HEAD_RULE}", code="bad_head")
    return kept


def _report(end: Head, finding: Finding | None) -> dict[str, object]:
    return {
        "whole": finding is None,
        "rows": end.count,
        "hash": end.digest,
        "finding": None if finding is None else {"row": finding.n, "what": finding.what},
    }
