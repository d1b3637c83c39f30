"""Purchases and refunds of an event log, as `recsvc events drain` writes it; the rest is left out.

A refund that names an item and a quantity is a line of negative quantity. Any other refund concerns
all units of its order or of an item of it, which lines of other files may name: see `refunds`.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import polars as pl

from training.sources import ingest_report as report
from training.sources.purchase_source import NamedTable

EVENT_COLUMNS = ("message_id", "type")  # a table with both columns is an event log
_PURCHASE, _REFUND = "purchase", "refund"


class DrainedEvents(NamedTuple):
    """The lines of an event log, its refunds of whole lines, and the number of other rows.

    `refunds`: the shop's columns of `_REFUND_COLUMNS`; None if the log has no order ids.
    """

    lines: pl.LazyFrame
    refunds: pl.LazyFrame | None
    left_out: Mapping[str, int]


def is_event_log(columns: Collection[str]) -> bool:
    return set(EVENT_COLUMNS) <= set(columns)


def purchases_of(
    events: pl.LazyFrame, source: Mapping[str, str], table: NamedTable
) -> DrainedEvents:
    """Return the purchases and refunds with a customer. `source`: the shop's column by ours."""
    is_purchase, is_refund = (_is_type(each) for each in (_PURCHASE, _REFUND))
    has_customer = _is_given(source["customer_id"])
    is_whole = is_refund & ~_names_units(source)
    counts = events.select(
        (~is_purchase & ~is_refund).sum().alias(report.NOT_PURCHASES),
        ((is_purchase | is_refund) & ~has_customer).sum().alias(report.NO_CUSTOMER),
        (is_whole & has_customer).sum().alias(report.REFUNDS),
    )
    left_out = table.collect(counts).row(0, named=True)
    lines = events.filter((is_purchase | (is_refund & ~is_whole)) & has_customer)
    quantity = source.get("quantity")
    if quantity is not None:
        lines = lines.with_columns(_negated(lines, quantity, is_refund))
    refunds = events.filter(is_whole & has_customer) if "order_id" in source else None
    return DrainedEvents(lines, refunds, left_out)


def _is_type(name: str) -> pl.Expr:
    return (pl.col("type").cast(pl.String) == name).fill_null(value=False)


def _is_given(column: str) -> pl.Expr:
    return (pl.col(column).cast(pl.String) != "").fill_null(value=False)


def _names_units(source: Mapping[str, str]) -> pl.Expr:
    if "quantity" not in source:
        return pl.lit(value=False)
    return _is_given(source["quantity"]) & _is_given(source["item_id"])


def _negated(lines: pl.LazyFrame, quantity: str, is_refund: pl.Expr) -> pl.Expr:
    """Return the quantity, below zero for a refund, in the type of the column."""
    is_text = lines.collect_schema()[quantity] == pl.String
    number = pl.col(quantity)
    negative = pl.concat_str(pl.lit("-"), number) if is_text else -number
    return pl.when(is_refund).then(negative).otherwise(number).alias(quantity)
