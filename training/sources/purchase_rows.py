"""One purchases file as rows of our own columns, each with the reason why it is bad, if it is.

Columns of the result: customer_id, item_id, at, quantity, price, order_id, channel, row (1-based,
in the file), fault and fault_value (null when the row is good).
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from training.errors import InputUnreadable
from training.sources import values as parsing
from training.sources.column_mapping import ColumnMap, map_columns
from training.sources.csv_repair import ROW, plain_lines, read_csv_rows
from training.sources.drained_events import MARKS, is_event_log, purchases_of
from training.sources.files import (
    collect,
    column_names,
    is_csv,
    refuse_unreadable,
    scan,
    separator_of,
    unreadable,
)

# Naive moments are taken as UTC, so those of a shop east of Greenwich may lie ahead by hours.
_AHEAD = timedelta(days=1)
_MOST = {"quantity": 10**9, "price": 10**12}
_LEAST_UNITS = 1e-6
_HIDDEN_ROW = "(a row is not shown)"
HIDDEN_VALUE = "(a customer's id is not shown)"


@dataclass(frozen=True, slots=True)
class FileRows:
    """`left_out`: rows that are no purchases of anybody, by reason; they are not in `rows`."""

    columns: ColumnMap
    rows: pl.DataFrame
    left_out: Mapping[str, int]


def read_rows(file: Path, renames: Mapping[str, str], now: datetime) -> FileRows:
    table = scan(file)
    names = column_names(table, file)
    columns = map_columns(names, renames, str(file))
    refuse_unreadable(table.collect_schema(), columns.source, file)
    numbered = table.with_row_index(ROW, 1)
    if not is_csv(file):
        return _rows_of(numbered, columns, file, now)
    lines = plain_lines(file, separator_of(file), len(names))
    if lines is not None:
        try:
            found = _rows_of(numbered, columns, file, now)
            if found.rows.height + sum(found.left_out.values()) == lines:
                return found
        except InputUnreadable:
            pass  # perhaps for one row only
    return _line_by_line(file, names, columns, now)


def _line_by_line(file: Path, names: Sequence[str], columns: ColumnMap, now: datetime) -> FileRows:
    """Read a CSV in which some rows are none; those are bad, of nobody and nothing."""
    marks = MARKS if is_event_log(names) else ()
    try:
        read = read_csv_rows(file, separator_of(file), names, {*columns.source.values(), *marks})
    except (OSError, EOFError, zlib.error) as fault:
        raise unreadable(file, fault) from fault
    good = _rows_of(read.good.lazy(), columns, file, now)
    broken = pl.DataFrame(
        {"row": list(read.faults), "fault": list(read.faults.values())},
        schema={"row": pl.UInt32, "fault": pl.String},
    )
    hidden = broken.with_columns(pl.lit(_HIDDEN_ROW).alias("fault_value"))
    return replace(good, rows=pl.concat([good.rows, hidden], how="diagonal").sort("row"))


def _rows_of(table: pl.LazyFrame, columns: ColumnMap, file: Path, now: datetime) -> FileRows:
    """Read the rows of a table whose columns have the shop's names."""
    source, schema = columns.source, table.collect_schema()
    types = {ours: schema[theirs] for ours, theirs in source.items()}
    left_out: Mapping[str, int] = {}
    if is_event_log(schema):
        table, left_out = purchases_of(table, source["customer_id"], file)
    wanted = [pl.col(theirs).alias(ours) for ours, theirs in source.items()]
    rows = collect(
        table.select(pl.col(ROW).alias("row"), *wanted).select(*_expressions(types, now)), file
    )
    return FileRows(columns, _with_id_faults(rows), left_out)


def _expressions(types: Mapping[str, pl.DataType], now: datetime) -> list[pl.Expr]:
    fault, value = _faults(types, now)
    texts = [_text_or_null(name, types).alias(name) for name in ("order_id", "channel")]
    return [
        pl.col("row"),
        parsing.id_text("customer_id", types["customer_id"]).alias("customer_id"),
        parsing.id_text("item_id", types["item_id"]).alias("item_id"),
        _moment_or_null(types).alias("at"),
        _quantity_or_one(types).alias("quantity"),
        _given_or_false("quantity", types).alias("has_quantity"),
        _price_or_null(types).alias("price"),
        _negative_price(types).alias("negative_price"),
        *texts,
        fault.alias("fault"),
        value.alias("fault_value"),
    ]


def _faults(types: Mapping[str, pl.DataType], now: datetime) -> tuple[pl.Expr, pl.Expr]:
    """Return the first fault of a row and the value at fault; ids are judged afterwards."""
    fault = value = pl.lit(None, pl.String)
    for name in reversed([name for name in ("timestamp", "quantity", "price") if name in types]):
        for reason, holds in reversed(_column_faults(name, types[name], now)):
            fault = pl.when(holds).then(pl.lit(f"{name}: {reason}")).otherwise(fault)
            value = pl.when(holds).then(pl.col(name).cast(pl.String)).otherwise(value)
    return fault, value


def _column_faults(name: str, dtype: pl.DataType, now: datetime) -> list[tuple[str, pl.Expr]]:
    given = parsing.given(name, dtype)
    if name != "timestamp":
        number = parsing.number(name, dtype)
        return [("not a number", given & number.is_null()), *_absurd(name, number)]
    at = parsing.moment(name, dtype)
    return [
        ("missing", ~given),
        ("not a date or time", at.is_null()),
        ("in the future", at > now + _AHEAD),
    ]


def _absurd(name: str, number: pl.Expr) -> list[tuple[str, pl.Expr]]:
    """Sizes that no shop sells in, and that sums of float32 do not survive."""
    size, most = number.abs(), _MOST[name]
    beyond = (f"beyond {most:,}", size > most)
    tiny = (f"closer to zero than {_LEAST_UNITS:f}", (size > 0) & (size < _LEAST_UNITS))
    return [beyond, tiny] if name == "quantity" else [beyond]


def _moment_or_null(types: Mapping[str, pl.DataType]) -> pl.Expr:
    if "timestamp" not in types:
        return pl.lit(None, pl.Datetime("us", "UTC"))
    return parsing.moment("timestamp", types["timestamp"])


def _given_or_false(name: str, types: Mapping[str, pl.DataType]) -> pl.Expr:
    return parsing.given(name, types[name]) if name in types else pl.lit(value=False)


def _quantity_or_one(types: Mapping[str, pl.DataType]) -> pl.Expr:
    if "quantity" not in types:
        return pl.lit(1.0)
    return parsing.number("quantity", types["quantity"]).fill_null(1.0)


def _price_or_null(types: Mapping[str, pl.DataType]) -> pl.Expr:
    if "price" not in types:
        return pl.lit(None, pl.Float64)
    price = parsing.number("price", types["price"])
    return pl.when(price >= 0).then(price)


def _negative_price(types: Mapping[str, pl.DataType]) -> pl.Expr:
    if "price" not in types:
        return pl.lit(value=False)
    return (parsing.number("price", types["price"]) < 0).fill_null(value=False)


def _text_or_null(name: str, types: Mapping[str, pl.DataType]) -> pl.Expr:
    if name not in types:
        return pl.lit(None, pl.String)
    text = parsing.id_text(name, types[name])
    return pl.when(text != "").then(text)


def _with_id_faults(rows: pl.DataFrame) -> pl.DataFrame:
    """Add what is wrong with ids; it outweighs every other fault."""
    for name in ("item_id", "customer_id"):
        fault = _id_fault_of(rows, name)
        shown = pl.lit(HIDDEN_VALUE) if name == "customer_id" else pl.col(name)
        rows = rows.with_columns(
            pl.coalesce(fault, "fault").alias("fault"),
            pl.when(fault.is_not_null()).then(shown).otherwise("fault_value").alias("fault_value"),
        )
    return rows


def _id_fault_of(rows: pl.DataFrame, name: str) -> pl.Expr:
    reasons = {bad: f"{name}: {why}" for bad, why in parsing.id_faults(rows[name]).items()}
    reasons.pop("", None)
    ids = pl.col(name)
    missing = pl.when(ids.is_null() | (ids == "")).then(pl.lit(f"{name}: missing"))
    if not reasons:
        return missing
    wrong = ids.replace_strict(reasons, default=None, return_dtype=pl.String)
    return pl.coalesce(missing, wrong)
