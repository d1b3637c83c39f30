"""`recsvc consents import`: import consents collected elsewhere from an NDJSON file."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from recsvc.cli.input_files import read_ndjson
from recsvc.cli.options import (
    DEFAULT_SHOP,
    AsJson,
    DataDir,
    MaxBad,
    Shop,
    check_faults,
    settings_of,
    shop_of,
)
from recsvc.cli.output import print_json, say, stderr
from recsvc.domain.consent.statements import ImportOutcome
from recsvc.signal_file import open_signals
from recsvc.usecases.customers.consents import DatedChange, imported_rows, line_outcomes
from recsvc.web.routes.consent_import import read_line
from recsvc.wiring.stores import open_stores

LINES_PER_CHUNK = 5000


def import_consents(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="NDJSON lines as for POST /v1/consents.")
    ],
    max_bad: MaxBad = 1.0,
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Import consents collected elsewhere, each line with its own time.

    The latest statement wins; on a tie, denial wins. Importing a file twice changes nothing.
    """
    tables = open_signals(settings_of(data_dir))
    changes, faults = read_ndjson(file, lambda line: read_line(line, tables))
    check_faults(file, faults, len(changes), max_bad)
    _report(_imported(changes, shop, data_dir), len(faults), as_json)


def _imported(
    changes: Sequence[DatedChange], shop: str, data_dir: Path | None
) -> Counter[ImportOutcome]:
    outcomes: Counter[ImportOutcome] = Counter()
    with open_stores(settings_of(data_dir)) as stores, stderr.status("Importing …") as status:
        hasher = stores.hasher(shop_of(shop))
        for chunk in _chunks(changes):
            rows = imported_rows(chunk, hasher)
            outcomes.update(line_outcomes(chunk, stores.consents.import_many(shop_of(shop), rows)))
            status.update(f"{outcomes.total():,} of {len(changes):,} lines imported …")
    return outcomes


def _chunks(changes: Sequence[DatedChange]) -> Iterator[list[DatedChange]]:
    remaining = iter(changes)
    while chunk := list(islice(remaining, LINES_PER_CHUNK)):
        yield chunk


def _report(outcomes: Counter[ImportOutcome], bad: int, as_json: bool) -> None:
    in_future = outcomes[ImportOutcome.IN_FUTURE] + outcomes[ImportOutcome.NO_TIME]
    counts = {
        "imported": outcomes[ImportOutcome.APPLIED],
        "known": outcomes[ImportOutcome.SUPERSEDED] + outcomes[ImportOutcome.ERASED],
        "silent": outcomes[ImportOutcome.SILENT],
        "unreadable": outcomes[ImportOutcome.UNREADABLE],
        "in_future": in_future,
        "bad": bad,
    }
    if as_json:
        print_json(counts)
    else:
        say(
            f"{counts['imported']:,} lines imported, {counts['known']:,} already stored or "
            f"superseded; skipped: {counts['silent']:,} that state nothing, {in_future:,} in the "
            f"future, {bad:,} invalid, "
            f"{counts['unreadable']:,} with an unreadable stored record."
        )
