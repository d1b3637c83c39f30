"""Small id tables beside the purchases: the items of each offer, the customers to rank for.

Rows with an invalid id are counted, with examples, as in purchases.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from training.errors import InputUnreadable
from training.sources import values as parsing
from training.sources.column_mapping import there_are
from training.sources.files import collect, column_names, find_files, refuse_unreadable, scan
from training.sources.ingest_report import MAX_EXAMPLES
from training.sources.purchase_rows import HIDDEN_VALUE


@dataclass(frozen=True, slots=True)
class IdTable:
    """`ids` are text; each row occurs once, in the order of the files."""

    ids: pl.DataFrame
    rows_read: int
    bad_rows: int
    examples: tuple[str, ...]


def read_ids(location: str, columns: Sequence[str], max_bad: float) -> IdTable:
    """Read `columns` of all files at a location; raise when too many rows are bad."""
    read: list[pl.DataFrame] = []
    examples: list[str] = []
    for file in find_files(location):
        table = scan(file)
        names = column_names(table, file)
        missing = [column for column in columns if column not in names]
        if missing:
            raise InputUnreadable(
                f"{file} has no column {missing[0]!r}. {there_are(names, columns)}",
                code="missing_column",
            )
        schema = table.collect_schema()
        refuse_unreadable(schema, {column: column for column in columns}, file)
        ids = [parsing.id_text(column, schema[column]).alias(column) for column in columns]
        rows = collect(table.select(*ids), file).with_row_index("row", 1)
        fault = _faults_of(rows, columns)
        bad = rows.with_columns(fault.alias("fault")).filter(pl.col("fault").is_not_null())
        examples += [
            f"{file.name} row {row}: {why}" for row, why in bad.select("row", "fault").iter_rows()
        ][:MAX_EXAMPLES]
        read.append(rows.with_columns(fault.alias("fault")))
    whole = pl.concat(read)
    good = whole.filter(pl.col("fault").is_null()).select(columns)
    bad_rows = whole.height - good.height
    if whole.height and bad_rows / whole.height > max_bad:
        raise InputUnreadable(
            f"{location}: {bad_rows} of {whole.height} rows are bad; --max-bad allows "
            f"{max_bad:.1%}. {'; '.join(examples[:MAX_EXAMPLES])}",
            code="too_many_bad_rows",
        )
    if not good.height:
        raise InputUnreadable(f"{location}: no row to read", code="no_rows")
    return IdTable(
        good.unique(maintain_order=True), whole.height, bad_rows, tuple(examples[:MAX_EXAMPLES])
    )


def _faults_of(rows: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """Return each row's first invalid id with its reason; null for a valid row."""
    found = pl.lit(None, pl.String)
    for column in reversed(columns):
        reasons = parsing.id_faults(rows[column])
        reasons.pop("", None)
        wrong = pl.lit(None, pl.String)
        if reasons:
            ids = pl.col(column)
            # A customer's id is not shown: it may be a person's name.
            shown = pl.lit(HIDDEN_VALUE) if column == "customer_id" else ids
            why = ids.replace_strict(reasons, default=None, return_dtype=pl.String)
            message = pl.format(f"{column}: {{}} {{}}", why, shown)
            wrong = pl.when(why.is_not_null()).then(message)
        empty = pl.col(column).is_null() | (pl.col(column) == "")
        missing = pl.when(empty).then(pl.lit(f"{column}: missing"))
        found = pl.coalesce(missing, wrong, found)
    return rows.select(found.alias("fault"))["fault"]
