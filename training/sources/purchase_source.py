"""A source of purchase rows. `ingest` reads any source; only an implementation knows files."""

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

    A frame that may misread rows has `read_checked`, a slower reader that checks each row for the
    columns it is given. It is used unless `frame` gives exactly `expected_rows` rows.
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
    """Tables of purchase rows, always in the same order."""

    def __len__(self) -> int:
        """Count the tables."""

    def tables(self) -> Iterator[NamedTable]:
        """Open one table after the other; raise InputUnreadable for one that cannot be read."""
