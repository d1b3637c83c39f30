"""Read purchases: filter by consent, validate each row and count the rest by reason.

Rows of customers without training consent are removed first: they are counted, but neither
validated nor shown.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from training.errors import InputUnreadable
from training.progress import Progress
from training.sources import ingest_report as report
from training.sources.column_mapping import SWITCHED_OFF
from training.sources.consents import TrainingPermission, precede_erasure
from training.sources.ingest_report import Bad, IngestReport
from training.sources.purchase_rows import PurchaseRows, read_rows
from training.sources.purchase_source import PurchaseSource
from training.sources.recurring_order_ids import recurring_ids
from training.sources.refunds import returned_lines
from training.sources.returns import net

_COLUMNS = ("customer_id", "item_id", "at", "quantity", "price", "order_id", "channel")


@dataclass(frozen=True, slots=True)
class Request:
    """The purchases to read, the columns' names and the tolerated share of bad rows."""

    source: PurchaseSource
    renames: Mapping[str, str]
    max_bad: float
    now: datetime


@dataclass(frozen=True, slots=True)
class Purchases:
    """Valid lines of consenting customers, in the order of the source.

    Returned purchases are included, with their time in the column `returned` (see `returns`).
    """

    lines: pl.DataFrame
    timed: bool
    report: IngestReport


def read_purchases(
    request: Request, permission: TrainingPermission, sensitive: Collection[str], progress: Progress
) -> Purchases:
    tally = _RowTally()
    tables = request.source.tables()
    for table in progress.over("Reading purchases", tables, len(request.source)):
        tally.add(table.name, read_rows(table, request.renames, request.now), permission)
    _refuse_mixed_time(tally)
    _refuse_too_many_bad(tally.report(), request.max_bad)
    return _finish(tally, sensitive)


class _RowTally:
    """Collects the good rows of all tables and counts the others by reason."""

    def __init__(self) -> None:
        self.good: list[pl.DataFrame] = []
        self.refunds: list[pl.DataFrame] = []
        self.files = 0
        self.files_with: Counter[str] = Counter()
        self.rows_read = 0
        self.rows_without_consent = 0
        self.left_out: Counter[str] = Counter()
        self.without_consent: set[str] = set()
        self.bad: dict[str, Bad] = {}
        self.ignored: dict[str, None] = {}

    def add(self, table: str, read: PurchaseRows, permission: TrainingPermission) -> None:
        self.files += 1
        self.files_with.update(read.columns.source.keys())
        self.ignored.update(dict.fromkeys(read.columns.ignored))
        self.rows_read += read.rows.height + sum(read.left_out.values())
        self.left_out.update(read.left_out)
        if read.refunds is not None:
            self.refunds.append(read.refunds)
        rows = self.permitted_rows(read.rows, permission)
        is_bad = pl.col("fault").is_not_null()
        self.count_bad(table, rows.filter(is_bad))
        self.good.append(rows.filter(~is_bad).drop("row", "fault", "fault_value"))

    def permitted_rows(self, rows: pl.DataFrame, permission: TrainingPermission) -> pl.DataFrame:
        """Remove rows without consent. Rows without a readable customer stay, as bad."""
        unreadable = pl.col("fault").str.contains("^(customer_id|row):").fill_null(value=False)
        named = rows.filter(~unreadable)["customer_id"].unique()
        refused = named.filter(~permission.permits(named))
        kept = rows.filter(unreadable | ~pl.col("customer_id").is_in(refused.implode()))
        kept = kept.filter(~precede_erasure(kept, permission))
        self.without_consent.update(refused)
        self.rows_without_consent += rows.height - kept.height
        return kept

    def count_bad(self, table: str, rows: pl.DataFrame) -> None:
        for (reason,), group in rows.group_by(["fault"], maintain_order=True):
            shown = group.head(report.MAX_EXAMPLES).select("row", "fault_value").iter_rows()
            examples = tuple(f"{table} row {row}: {value!r}" for row, value in shown)
            bad = Bad(group.height, examples)
            self.bad[str(reason)] = self.bad.get(str(reason), Bad(0)).plus(bad)

    def report(self) -> IngestReport:
        left_out = {**self.left_out, report.NO_CONSENT: self.rows_without_consent}
        missing = [name for name in SWITCHED_OFF if not self.files_with[name]]
        return IngestReport(
            files=self.files,
            rows_read=self.rows_read,
            customers_without_consent=len(self.without_consent),
            left_out={reason: rows for reason, rows in left_out.items() if rows},
            bad=dict(sorted(self.bad.items())),
            ignored_columns=tuple(self.ignored),
            switched_off={name: SWITCHED_OFF[name] for name in missing},
        )


def _refuse_mixed_time(tally: _RowTally) -> None:
    with_time = tally.files_with["timestamp"]
    if 0 < with_time < tally.files:
        raise InputUnreadable(
            f"{with_time} of {tally.files} files have a timestamp: all or none must have one",
            code="mixed_timestamps",
        )


def _refuse_too_many_bad(found: IngestReport, max_bad: float) -> None:
    if found.bad_share <= max_bad:
        return
    reasons = "; ".join(
        f"{reason} ({bad.rows} rows, e.g. {bad.examples[0]})" for reason, bad in found.bad.items()
    )
    raise InputUnreadable(
        f"{found.bad_rows} rows are bad, {found.bad_share:.1%} of those that may be used; "
        f"--max-bad allows {max_bad:.1%}. {reasons}",
        code="too_many_bad_rows",
    )


def _finish(tally: _RowTally, sensitive: Collection[str]) -> Purchases:
    """Remove sensitive items and returns, and complete the report."""
    lines = pl.concat(tally.good)
    excluded = pl.Series(sorted(sensitive), dtype=pl.String).implode()
    allowed = lines.filter(~pl.col("item_id").is_in(excluded))
    given = allowed.height
    if tally.refunds:
        returned = returned_lines(allowed, pl.concat(tally.refunds))
        allowed = pl.concat([allowed, returned], how="diagonal")
    netted = net(allowed)
    found = tally.report()
    left_out = {
        **found.left_out,
        report.SENSITIVE: lines.height - given,
        report.RETURNED: netted.returned - (allowed.height - given),  # without those made here
        report.CANCELLED: netted.cancelled,
        report.NO_UNITS: netted.no_units,
    }
    timed = tally.files_with["timestamp"] > 0
    kept = netted.kept
    first, last = _span(kept)
    complete = replace(
        found,
        rows_used=kept.height,
        left_out={reason: rows for reason, rows in left_out.items() if rows},
        notices=_notices(kept, has_quantity="quantity" not in found.switched_off),
        first=first,
        last=last,
    )
    return Purchases(netted.purchases.drop("has_quantity", "negative_price"), timed, complete)


def _span(lines: pl.DataFrame) -> tuple[str | None, str | None]:
    first, last = lines.select(pl.col("at").min(), pl.col("at").max().alias("last")).row(0)
    return (
        first.strftime("%Y-%m-%dT%H:%M:%SZ") if first else None,
        last.strftime("%Y-%m-%dT%H:%M:%SZ") if last else None,
    )


def _notices(lines: pl.DataFrame, *, has_quantity: bool) -> dict[str, int]:
    spaced = pl.any_horizontal(
        pl.col(name).str.contains(r"^\s|\s$") for name in ("customer_id", "item_id")
    )
    counts = lines.select(
        spaced.sum().alias(report.NOTICE_SPACES),
        pl.col("negative_price").sum().alias(report.NOTICE_NEGATIVE),
        (~pl.col("has_quantity")).sum().alias(report.NOTICE_NO_QUANTITY),
    ).row(0, named=True)
    if not has_quantity:
        counts.pop(report.NOTICE_NO_QUANTITY)
    counts[report.NOTICE_REPEATS] = lines.height - lines.unique(_COLUMNS).height
    counts[report.NOTICE_RECURRING] = recurring_ids(lines)
    return {notice: rows for notice, rows in counts.items() if rows}
