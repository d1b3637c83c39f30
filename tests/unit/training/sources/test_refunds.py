"""Refunds of an event log cancel purchases as returns do, also purchases of other files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.unit.training.builders import read
from training.sources import ingest_report as report

Row = tuple[str, float, str | None, str | None, float | None]
SCHEMA = {
    "message_id": pl.String,
    "type": pl.String,
    "customer_id": pl.String,
    "timestamp": pl.Datetime("us", "UTC"),
    "order_id": pl.String,
    "item_id": pl.String,
    "quantity": pl.Float64,
}
BOUGHT: list[Row] = [
    ("purchase", 1, "A", "milk", 2.0),
    ("purchase", 1, "A", "tea", None),
    ("purchase", 3, "B", "milk", 1.0),
    ("purchase", 3.5, "B", "oats", 1.0),
]


def write_log(path: Path, rows: list[Row], customer: str = "c", kind: str = "parquet") -> None:
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA}
    for number, (type_, day, order, item, quantity) in enumerate(rows):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day - 1)
        values = (f"{path}-{number}", type_, customer, at, order, item, quantity)
        for name, value in zip(SCHEMA, values, strict=True):
            columns[name].append(value)
    frame = pl.DataFrame(columns, schema=SCHEMA)
    if kind == "csv":
        frame.write_csv(path.with_suffix(".csv"))
    else:
        frame.write_parquet(path.with_suffix(".parquet"))


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize(
    ("refunds", "kept"),
    [
        ([], ["milk", "milk", "oats", "tea"]),
        ([("refund", 5, "A", "tea", 1.0)], ["milk", "milk", "oats"]),
        ([("refund", 5, "A", "tea", None)], ["milk", "milk", "oats"]),
        ([("refund", 5, "A", None, None), ("refund", 5, "B", None, None)], []),
        (
            [("refund", 5, "A", None, None), ("refund", 5, "A", "milk", None)] * 2,
            ["milk", "milk", "oats"],
        ),
        (
            [("refund", 5, "A", "milk", 1.0), ("refund", 6, "A", "milk", None)],
            ["milk", "milk", "oats", "tea"],
        ),
        ([("refund", 2, "B", "oats", None)], ["milk", "milk", "oats", "tea"]),
        ([("refund", 5, "none", None, None)], ["milk", "milk", "oats", "tea"]),
    ],
)
def test_refunded_lines_are_returns(
    tmp_path: Path, kind: str, refunds: list[Row], kept: list[str]
) -> None:
    """An item is no purchase any more once all units that the customer bought came back."""
    write_log(tmp_path / "events-1", BOUGHT, kind=kind)
    write_log(tmp_path / "events-2", [*refunds, ("view", 5, None, "milk", None)], kind=kind)

    found = read(tmp_path)

    still = found.lines
    if "returned" in still.columns:
        still = still.filter(pl.col("returned").is_null())
    assert sorted(still["item_id"]) == kept
    counted = found.report
    assert counted.rows_read == counted.rows_used + sum(counted.left_out.values())
    whole = sum(quantity is None for *_, quantity in refunds)
    assert counted.left_out.get(report.REFUNDS, 0) == whole
    assert counted.left_out.get(report.RETURNED, 0) == len(refunds) - whole


def test_a_refund_concerns_its_customer_alone(tmp_path: Path) -> None:
    """Two customers may have an order of the same id."""
    write_log(tmp_path / "events-1", BOUGHT)
    write_log(tmp_path / "events-2", [("refund", 5, "A", None, None)], customer="other")

    assert read(tmp_path).report.rows_used == 4


def kept_lines(tmp_path: Path, bought: list[Row], refunds: list[Row]) -> list[tuple[str, int]]:
    """Return item and day of the purchases that were never returned."""
    write_log(tmp_path / "events-1", bought)
    write_log(tmp_path / "events-2", refunds)
    still = read(tmp_path).lines
    if "returned" in still.columns:
        still = still.filter(pl.col("returned").is_null())
    return sorted((item, at.day) for item, at in still.select("item_id", "at").iter_rows())


def test_a_refund_concerns_the_latest_order_of_a_recurring_id(tmp_path: Path) -> None:
    """Tills restart their numbers: the order of an earlier day is another one."""
    bought: list[Row] = [
        ("purchase", 1, "1", "milk", 1.0),
        ("purchase", 10, "1", "tea", 1.0),
        ("purchase", 25, "1", "oats", 1.0),
    ]

    assert kept_lines(tmp_path, bought, [("refund", 26, "1", None, None)]) == [
        ("milk", 1),
        ("tea", 10),
    ]


def test_a_refund_between_two_orders_of_an_id_concerns_the_first(tmp_path: Path) -> None:
    """The second order did not exist yet."""
    bought: list[Row] = [("purchase", 1, "1", "milk", 1.0), ("purchase", 25, "1", "oats", 1.0)]

    assert kept_lines(tmp_path, bought, [("refund", 3, "1", None, None)]) == [("oats", 25)]


@pytest.mark.parametrize(
    ("refunds", "kept"),
    [
        ([("refund", 1.2, "1", None, None)], ["milk", "tea"]),
        ([("refund", 1.2, "1", None, None), ("refund", 1.8, "1", None, None)], []),
        ([("refund", 1.8, "1", "milk", None), ("refund", 1.2, "1", None, None)], ["tea"]),
        ([("refund", 1.2, "1", "milk", 1.0), ("refund", 1.8, "1", None, None)], []),
        ([("refund", 1.2, "1", "milk", None), ("refund", 1.8, "1", "tea", None)], ["milk"]),
        (
            [("refund", 1.6, "1", "milk", 2.0), ("refund", 1.8, "1", "milk", None)],
            ["tea", "tea"],
        ),
    ],
)
def test_a_second_refund_returns_lines_of_after_the_first(
    tmp_path: Path, refunds: list[Row], kept: list[str]
) -> None:
    """It returns the units that had not come back yet, also of parts of the order sent later."""
    bought: list[Row] = [
        ("purchase", day, "1", item, 1.0) for day in (1, 1.5) for item in ("milk", "tea")
    ]

    assert [item for item, _ in kept_lines(tmp_path, bought, refunds)] == kept


def test_units_of_an_older_order_do_not_count_as_returned_of_the_latest(tmp_path: Path) -> None:
    """One of two came back from the first order; the refund of the second takes both of its."""
    bought: list[Row] = [("purchase", 1, "1", "milk", 2.0), ("purchase", 25, "1", "milk", 2.0)]
    refunds: list[Row] = [("refund", 2, "1", "milk", 1.0), ("refund", 26, "1", None, None)]
    rest: Row = ("refund", 27, "1", None, None)

    assert kept_lines(tmp_path, bought, refunds) == [("milk", 1), ("milk", 25)]
    write_log(tmp_path / "events-3", [rest, ("refund", 28, None, "milk", 1.0)])
    assert kept_lines(tmp_path, bought, refunds) == []
