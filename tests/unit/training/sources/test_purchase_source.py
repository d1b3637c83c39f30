"""A source of purchases needs no files: tables held in memory are ingested like those of files."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import polars as pl

from tests.unit.training.builders import NOW
from training.errors import InputUnreadable
from training.progress import SILENT
from training.sources import ingest_report as report
from training.sources.consents import AssumeGranted
from training.sources.ingest import Purchases, Request, read_purchases
from training.sources.purchase_source import ROW, CheckedRows, NamedTable, PurchaseSource

DAY = "2026-01-02"


@dataclass(frozen=True)
class MemorySource:
    held: tuple[NamedTable, ...]

    def __len__(self) -> int:
        return len(self.held)

    def tables(self) -> Iterator[NamedTable]:
        return iter(self.held)


def table(name: str, rows: dict[str, list[str]], **given: object) -> NamedTable:
    return NamedTable(
        **{
            "name": name,
            "location": f"memory:{name}",
            "frame": pl.LazyFrame(rows).with_row_index(ROW, 1),
            "is_event_log": False,
            "unreadable": lambda fault: InputUnreadable(f"{name}: {fault}"),
            **given,
        }
    )


def ingested(*tables: NamedTable, max_bad: float = 0.0) -> Purchases:
    source: PurchaseSource = MemorySource(tables)
    return read_purchases(Request(source, {}, max_bad, NOW), AssumeGranted(), (), SILENT)


def test_tables_in_memory_are_read_in_their_order() -> None:
    """The lines of all tables are joined, and each table counts as one file."""
    first = table("one", {"customer_id": ["a"], "item_id": ["i"], "timestamp": [DAY]})
    second = table("two", {"customer_id": ["b"], "item_id": ["j"], "timestamp": [DAY]})

    found = ingested(first, second)

    assert found.lines.select("customer_id", "item_id").rows() == [("a", "i"), ("b", "j")]
    assert found.report.files == 2


def test_a_bad_row_is_shown_with_the_name_of_its_table() -> None:
    """An example names the table and the row, and shows the value at fault."""
    rows = {"customer_id": ["a", "b"], "item_id": ["i", "j"], "timestamp": [DAY, "yesterday"]}

    found = ingested(table("orders", rows), max_bad=1.0)

    assert [bad.examples for bad in found.report.bad.values()] == [("orders row 2: 'yesterday'",)]


def test_a_table_of_events_gives_its_purchases_alone() -> None:
    """The source says that a table is an event log; other events are counted and left out."""
    rows = {
        "message_id": ["1", "2"],
        "type": ["view", "purchase"],
        "customer_id": ["a", "a"],
        "item_id": ["i", "j"],
        "timestamp": [DAY, DAY],
    }

    found = ingested(table("events", rows, is_event_log=True))

    assert found.lines["item_id"].to_list() == ["j"]
    assert found.report.left_out == {report.NOT_PURCHASES: 1}


def test_a_frame_that_misses_a_row_is_read_by_its_checked_reader() -> None:
    """The frame gives one row of two, so the rows of the checked reader are used."""
    rows = {"customer_id": ["a"], "item_id": ["i"], "timestamp": [DAY]}
    asked: list[Collection[str]] = []

    def read_checked(columns: Collection[str]) -> CheckedRows:
        asked.append(columns)
        good = pl.DataFrame({ROW: [2], **rows}, schema_overrides={ROW: pl.UInt32})
        return CheckedRows(good, {1: "row: damaged"})

    found = ingested(table("orders", rows, expected_rows=2, read_checked=read_checked), max_bad=1.0)

    assert asked == [{"customer_id", "item_id", "timestamp"}]
    assert found.report.bad["row: damaged"].examples == ("orders row 1: '(a row is not shown)'",)
    assert found.report.rows_used == 1
