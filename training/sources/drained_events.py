"""Purchases of an event log, as `recsvc events drain` writes it; other events are left out."""

from collections.abc import Collection, Mapping

import polars as pl

from training.sources import ingest_report as report
from training.sources.purchase_source import NamedTable

EVENT_COLUMNS = ("message_id", "type")  # a table with both columns is an event log
_PURCHASE = "purchase"


def is_event_log(columns: Collection[str]) -> bool:
    return set(EVENT_COLUMNS) <= set(columns)


def purchases_of(
    events: pl.LazyFrame, customer: str, table: NamedTable
) -> tuple[pl.LazyFrame, Mapping[str, int]]:
    """Return the purchases with a customer, and the number of other rows by reason."""
    is_purchase = (pl.col("type").cast(pl.String) == _PURCHASE).fill_null(value=False)
    has_customer = (pl.col(customer).cast(pl.String) != "").fill_null(value=False)
    counts = events.select(
        (~is_purchase).sum().alias(report.NOT_PURCHASES),
        (is_purchase & ~has_customer).sum().alias(report.NO_CUSTOMER),
    )
    left_out = table.collect(counts).row(0, named=True)
    return events.filter(is_purchase & has_customer), left_out
