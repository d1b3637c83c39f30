"""`recsvc audit`: verify the consent history and customer records; print the history's head."""

import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from recsvc.cli.options import DEFAULT_SHOP, AsJson, DataDir, Shop, known_shop, settings_of, shop_of
from recsvc.cli.output import complain, print_json, print_text, say
from recsvc.domain.consent.hash_chain import (
    HEAD_RULE,
    NO_HISTORY,
    ChainFault,
    ChainHead,
    chain_faults,
    empty_head,
    parse_head,
)
from recsvc.domain.errors import BadRequest
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.domain.values.timestamps import rfc3339
from recsvc.stores.audit.record_audit import Difference, count_rows
from recsvc.wiring.stores import Stores, open_stores

EXIT_NOT_WHOLE = 3


@dataclass(frozen=True, slots=True)
class AuditResult:
    """The result of a verification. `customers`: compared records; 0 if the history has a fault."""

    end: ChainHead
    finding: ChainFault | None
    customers: int = 0
    differences: tuple[Difference, ...] = ()

    @property
    def is_whole(self) -> bool:
        return self.finding is None and not self.differences


app = typer.Typer(help="Verify the consent history; print its head.", no_args_is_help=True)


@app.command()
def verify(
    head: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|TEXT", help="An earlier output of `audit head`, or a file that holds it."
        ),
    ] = None,
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Verify the history and compare every customer record with it; exit 3 on a difference.

    Reports the first row that was edited, removed or moved, and each customer (by keyed hash) whose
    consent, flag or erasure was changed without a row. With --head, also reports a history that
    does not continue that head, as after restoring an older backup.
    """
    kept = None if head is None else _kept(head)
    started = time.monotonic()
    with open_stores(settings_of(data_dir), durable=False) as stores:
        # With a head, an empty shop is a difference: its history was lost.
        name = known_shop(stores, shop) if kept is None else shop_of(shop)
        found = _verified(stores, name, kept)
    if as_json:
        print_json(_report(found))
    elif found.is_whole:
        say(
            f"{found.end.count:,} rows are unchanged, and {found.customers:,} records match them "
            f"({time.monotonic() - started:.1f} s)."
        )
    if found.finding is not None:
        complain(f"row {found.finding.n} {found.finding.what}")
    for each in found.differences:
        complain(f"customer {each.customer}: {each.subject} {each.what}")
    if not found.is_whole:
        raise typer.Exit(EXIT_NOT_WHOLE)


@app.command()
def head(shop: Shop = DEFAULT_SHOP, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Print the head of the history: number of rows, hash, and time of the last row.

    Keep it outside the reach of accounts that can change the store, for `audit verify --head`.
    """
    with open_stores(settings_of(data_dir), durable=False) as stores:
        name = known_shop(stores, shop)
        found = stores.history.head(name) or empty_head(name)
    if as_json:
        print_json({"count": found.count, "hash": found.digest, "at": rfc3339(found.at_us)})
    else:
        print_text(str(found))


def _verified(stores: Stores, shop: ShopName, kept: ChainHead | None) -> AuditResult:
    """Verify the rows that exist at the start; later rows are ignored."""
    if not stores.history.is_readable(shop):
        return AuditResult(empty_head(shop), NO_HISTORY)
    head, last = stores.history.head_and_last_row(shop)
    rows_of: Counter[CustomerKey] = Counter()
    links = count_rows(stores.history.chained_rows(shop, last=last), rows_of) if last else iter(())
    finding = next(chain_faults(shop, links, head, kept), None)
    end = head or empty_head(shop)
    if finding is not None:
        return AuditResult(end, finding)
    different = tuple(stores.record_audit.differences(shop, rows_of, last))
    return AuditResult(end, None, len(rows_of), different)


def _kept(text: str) -> ChainHead:
    file = Path(text)
    try:
        text = file.read_text(encoding="utf-8") if file.is_file() else text
    except (OSError, UnicodeDecodeError) as fault:
        raise BadRequest(f"--head: {file} cannot be read: {fault}") from None
    kept = parse_head(text)
    if kept is None:
        raise BadRequest(f"--head is neither a file nor a head ({HEAD_RULE})", code="bad_head")
    return kept


def _report(found: AuditResult) -> dict[str, object]:
    finding = found.finding
    return {
        "whole": found.is_whole,
        "rows": found.end.count,
        "hash": found.end.digest,
        "finding": None if finding is None else {"row": finding.n, "what": finding.what},
        "customers": found.customers,
        "differences": [asdict(each) for each in found.differences],
    }
