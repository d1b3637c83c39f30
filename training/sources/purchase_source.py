"""The source of purchases: named tables. `ingest` depends on this protocol, not on files."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from training.errors import InputUnreadable

ROW = "recsvc row number"  # added beside columns that have the shop's names


@dataclass(frozen=True, slots=True)
class CheckedRows:
    """`good` has the wanted columns as text, and ROW; `faults` is the reason by row number."""

    good: pl.DataFrame
    faults: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class NamedTable:
    """One table of a source, with the shop's column names.

    `read_checked` is a slower reader for frames that may misread rows; it takes the needed columns.
    It is used unless `frame` gives exactly `expected_rows` rows.
    """

    name: str  # beside a row number, in examples
    location: str  # in error messages
    frame: pl.LazyFrame
    is_event_log: bool
    unreadable: Callable[[Exception], InputUnreadable]  # makes the error of a query that failed
    expected_rows: int | None = None
    read_checked: Callable[[Collection[str]], CheckedRows] | None = None

    def collect(self, query: pl.LazyFrame) -> pl.DataFrame:
        """Run a query over the frame; raise InputUnreadable when it fails."""
        try:
            return query.collect()
        except (pl.exceptions.PolarsError, OSError) as fault:
            raise self.unreadable(fault) from fault


class PurchaseSource(Protocol):
    """Tables of purchase rows, in a fixed order."""

    def __len__(self) -> int:
        """Return the number of tables."""

    def tables(self) -> Iterator[NamedTable]:
        """Open the tables one by one; raise InputUnreadable for an unreadable one."""
