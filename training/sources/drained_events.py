"""Files that `recsvc events drain` has written, read as purchases; other events are left out."""

from collections.abc import Collection, Mapping
from pathlib import Path

import polars as pl

from training.sources import ingest_report as report
from training.sources.files import collect

MARKS = ("message_id", "type")  # a file that has both columns holds events
_PURCHASE = "purchase"


def is_event_log(columns: Collection[str]) -> bool:
    return set(MARKS) <= set(columns)


def purchases_of(
    events: pl.LazyFrame, customer: str, file: Path
) -> tuple[pl.LazyFrame, Mapping[str, int]]:
    """Return the purchases that name a customer, and how many rows are none, by reason."""
    is_purchase = (pl.col("type").cast(pl.String) == _PURCHASE).fill_null(value=False)
    names_one = (pl.col(customer).cast(pl.String) != "").fill_null(value=False)
    counts = events.select(
        (~is_purchase).sum().alias(report.NOT_PURCHASES),
        (is_purchase & ~names_one).sum().alias(report.NOBODYS),
    )
    return events.filter(is_purchase & names_one), collect(counts, file).row(0, named=True)
