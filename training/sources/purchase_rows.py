"""One table of purchases as rows with our column names; a bad row has a fault.

Columns of the result: customer_id, item_id, at, quantity, price, order_id, channel, row (1-based,
in the table), fault and fault_value (both null for a good row).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from training.errors import InputUnreadable
from training.sources import values as parsing
from training.sources.column_mapping import ColumnMap, map_columns
from training.sources.drained_events import EVENT_COLUMNS, purchases_of
from training.sources.files import refuse_unreadable
from training.sources.ingest_report import REFUNDS
from training.sources.purchase_source import ROW, CheckedRows, NamedTable

# Times without a zone are read as UTC, so those of a shop east of Greenwich may be hours ahead.
_AHEAD = timedelta(days=1)
_MOST = {"quantity": 10**9, "price": 10**12}
_LEAST_UNITS = 1e-6
_HIDDEN_ROW = "(a row is not shown)"
HIDDEN_VALUE = "(a customer's id is not shown)"


@dataclass(frozen=True, slots=True)
class PurchaseRows:
    """`left_out` counts the events that are not a customer's purchase, by reason.

    `refunds`: refunds of whole orders or items, with the columns of `refunds.COLUMNS`.
    """

    columns: ColumnMap
    rows: pl.DataFrame
    left_out: Mapping[str, int]
    refunds: pl.DataFrame | None = None


def read_rows(table: NamedTable, renames: Mapping[str, str], now: datetime) -> PurchaseRows:
    schema = table.frame.collect_schema()
    names = [name for name in schema if name != ROW]
    columns = map_columns(names, renames, table.location)
    refuse_unreadable(schema, columns.source, table.location)
    if table.read_checked is None:
        return _rows_of(table.frame, columns, table, now)
    if table.expected_rows is not None:
        try:
            found = _rows_of(table.frame, columns, table, now)
            if found.rows.height + sum(found.left_out.values()) == table.expected_rows:
                return found
        except InputUnreadable:
            pass  # one row may be the cause
    marks = EVENT_COLUMNS if table.is_event_log else ()
    return _with_broken_rows(
        table.read_checked({*columns.source.values(), *marks}), columns, table, now
    )


def _with_broken_rows(
    read: CheckedRows, columns: ColumnMap, table: NamedTable, now: datetime
) -> PurchaseRows:
    """Add the rows that could not be parsed as bad rows without values."""
    good = _rows_of(read.good.lazy(), columns, table, now)
    broken = pl.DataFrame(
        {"row": list(read.faults), "fault": list(read.faults.values())},
        schema={"row": pl.UInt32, "fault": pl.String},
    )
    hidden = broken.with_columns(pl.lit(_HIDDEN_ROW).alias("fault_value"))
    return replace(good, rows=pl.concat([good.rows, hidden], how="diagonal").sort("row"))


def _rows_of(
    frame: pl.LazyFrame, columns: ColumnMap, table: NamedTable, now: datetime
) -> PurchaseRows:
    """Convert a frame with the shop's column names."""
    source, schema = columns.source, frame.collect_schema()
    types = {ours: schema[theirs] for ours, theirs in source.items()}
    left_out: Mapping[str, int] = {}
    refunds = None
    if table.is_event_log:
        frame, refunded, left_out = purchases_of(frame, source, table)
        if refunded is not None and left_out[REFUNDS]:
            named = [pl.col(theirs).alias(ours) for ours, theirs in source.items()]
            refunds = table.collect(refunded.select(*named).select(*_refund_columns(types)))
    wanted = [pl.col(theirs).alias(ours) for ours, theirs in source.items()]
    query = frame.select(pl.col(ROW).alias("row"), *wanted).select(*_expressions(types, now))
    return PurchaseRows(columns, _with_id_faults(table.collect(query)), left_out, refunds)


def _refund_columns(types: Mapping[str, pl.DataType]) -> list[pl.Expr]:
    """Return the columns of a refund, converted as those of the purchases."""
    return [
        parsing.id_text("customer_id", types["customer_id"]).alias("customer_id"),
        _text_or_null("order_id", types).alias("order_id"),
        parsing.id_text("item_id", types["item_id"]).alias("item_id"),
        _moment_or_null(types).alias("at"),
    ]


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
    """Return the first fault of a row and the value at fault. Ids are checked later."""
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
        return [("not a number", given & number.is_null()), *_out_of_range(name, number)]
    at = parsing.moment(name, dtype)
    return [
        ("missing", ~given),
        ("not a date or time", at.is_null()),
        ("in the future", at > now + _AHEAD),
    ]


def _out_of_range(name: str, number: pl.Expr) -> list[tuple[str, pl.Expr]]:
    """Return conditions for numbers beyond any real sale: float32 sums would not hold them."""
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
    """Add faults of ids, which take precedence over all others."""
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
