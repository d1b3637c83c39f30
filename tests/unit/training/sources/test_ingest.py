"""Each row of a purchases file is used, left out for a reason, or bad."""

import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.unit.training.builders import lines, read, write
from training.errors import InputUnreadable
from training.sources import ingest_report as report
from training.sources.consents import PermittedIds
from training.sources.csv_repair import STRAY_QUOTE, TOO_MANY_FIELDS
from training.sources.files import find_files
from training.sources.ingest_report import Bad
from training.sources.returns import net


def csv(folder: Path, text: str, name: str = "p.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_rows_of_a_csv_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Ids keep leading zeros, case and spaces; an order id, price and quantity are read."""
    path = csv(
        tmp_path,
        "customer_id,item_id,timestamp,quantity,price,order_id\n007, Ab ,2026-01-02,2,1.50,9\n",
    )

    assert read(path).lines.rows() == [
        ("007", " Ab ", datetime(2026, 1, 2, tzinfo=UTC), 2.0, 1.5, "9", None)
    ]
    assert read(path).report.notices == {report.NOTICE_SPACES: 1}


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_the_one_the_header_uses(tmp_path: Path, separator: str) -> None:
    """CSV files of any common separator are read."""
    text = "customer_id,item_id,timestamp\nc,i,2026-01-02\n".replace(",", separator)

    assert read(csv(tmp_path, text)).report.rows_used == 1


@pytest.mark.parametrize("location", [".", "**/*.parquet"])
def test_decisions_that_were_drained_beside_events_are_passed_over(
    tmp_path: Path, location: str
) -> None:
    """Drained decision logs in the folder are no purchases and do not stop the run."""
    events, decisions = tmp_path / "events-1-0-2-0.parquet", tmp_path / "decisions"
    decisions.mkdir()
    pl.DataFrame({"item_id": ["milk"]}).write_parquet(events)
    pl.DataFrame({"content": ["{}"]}).write_parquet(decisions / "decisions-1-0-2-0.parquet")

    assert find_files(str(tmp_path / location)) == [events]


def test_files_may_be_gzipped_and_lie_in_a_folder_or_match_a_glob(tmp_path: Path) -> None:
    """CSV, CSV.gz and Parquet files of a folder are read; hidden files are skipped."""
    write(tmp_path / "a.csv", [("c", "i", 0)])
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    lines([("c", "i", 1)]).rename({"at": "timestamp"}).write_parquet(tmp_path / "c.parquet")
    (tmp_path / ".d.csv").write_text("nonsense")

    assert read(tmp_path).report.rows_used == 3
    assert read(tmp_path / "*.csv").report.rows_used == 1


def test_numbers_in_parquet_become_decimal_ids(tmp_path: Path) -> None:
    """123 and 123.0 are the id `123`; a missing float makes a bad row."""
    path = tmp_path / "p.parquet"
    pl.DataFrame(
        {
            "customer_id": [123, 124],
            "item_id": [17.0, None],
            "timestamp": [date(2026, 1, 2)] * 2,
        }
    ).write_parquet(path)
    purchases = read(path, max_bad=0.5)

    assert purchases.lines.select("customer_id", "item_id").rows() == [("123", "17")]
    assert {reason: bad.rows for reason, bad in purchases.report.bad.items()} == {
        "item_id: missing": 1
    }


def test_bytes_in_parquet_are_text(tmp_path: Path) -> None:
    """Binary columns are decoded; invalid UTF-8 makes a bad row."""
    path = tmp_path / "p.parquet"
    pl.DataFrame(
        {
            "customer_id": [b"ann", b"bob", b"b\xffb"],
            "item_id": ["tea", "nut", "jam"],
            "timestamp": [b"2026-01-02", b"2026-13-02", b"2026-01-02"],
            "quantity": [b"2", b"1", b"1"],
        }
    ).write_parquet(path)
    found = read(path, max_bad=0.7)

    assert found.lines.select("customer_id", "item_id", "quantity").rows() == [("ann", "tea", 2)]
    assert {reason: bad.rows for reason, bad in found.report.bad.items()} == {
        "customer_id: not valid UTF-8": 1,
        "timestamp: not a date or time": 1,
    }


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("customer_id", [{"id": "ann"}]),
        ("item_id", [["tea"]]),
        ("quantity", [[1]]),
        ("timestamp", [timedelta(days=1)]),
        ("order_id", [{"id": 1}]),
    ],
)
def test_a_column_of_no_single_values_is_refused(
    tmp_path: Path, column: str, values: list[Any]
) -> None:
    """A column of lists or durations is an error that names file, column and type."""
    path = tmp_path / "p.parquet"
    plain = {"customer_id": ["c"], "item_id": ["i"], "timestamp": [date(2026, 1, 2)]}
    pl.DataFrame({**plain, column: values}).write_parquet(path)

    with pytest.raises(InputUnreadable, match=rf"p\.parquet: column '{column}' .* holds"):
        read(path)


@pytest.mark.parametrize(
    ("written", "hour"),
    [
        ("2026-01-02", 0),
        ("2026-01-02 10:00", 10),
        ("2026-01-02T10:00:00", 10),
        ("2026-01-02T10:00:00.123456Z", 10),
        ("2026-01-02 10:00:00+02:00", 8),
        ("2026-01-02T10:00:00-0130", 11),
        ("20260102", 0),
        ("1767348000", 10),
        ("1767348000000", 10),
        ("1767348000000000", 10),
        ("1767348000000000000", 10),
    ],
)
def test_moments_are_read_in_many_forms_and_kept_in_utc(
    tmp_path: Path, written: str, hour: int
) -> None:
    """ISO dates, RFC 3339, compact dates and epochs are read; a missing zone is UTC."""
    path = csv(tmp_path, f"customer_id,item_id,timestamp\nc,i,{written}\n")
    moment = read(path).lines["at"][0]

    assert (moment.date(), moment.hour) == (date(2026, 1, 2), hour)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",i,2026-01-02,1,1", "customer_id: missing"),
        ("c,,2026-01-02,1,1", "item_id: missing"),
        ("c,a/,2026-01-02,1,1", "item_id: contains a '/' at its end"),
        ("c,..,2026-01-02,1,1", "item_id: '..' is not allowed"),
        (f"c,{'x' * 129},2026-01-02,1,1", "item_id: 129 bytes long"),
        ("c,a\ufffdb,2026-01-02,1,1", "item_id: not valid UTF-8"),
        ("c,i,,1,1", "timestamp: missing"),
        ("c,i,yesterday,1,1", "timestamp: not a date or time"),
        ("c,i,711,1,1", "timestamp: not a date or time"),
        ("c,i,2026-13-01,1,1", "timestamp: not a date or time"),
        ("c,i,2027-01-01,1,1", "timestamp: in the future"),
        ("c,i,2026-01-02,two,1", "quantity: not a number"),
        ("c,i,2026-01-02,inf,1", "quantity: not a number"),
        ('c,i,2026-01-02,1,"1,50"', "price: not a number"),
        ("c,i,2026-01-02,1e300,1", "quantity: beyond 1,000,000,000"),
        ("c,i,2026-01-02,-1000000001,1", "quantity: beyond 1,000,000,000"),
        ("c,i,2026-01-02,1e-300,1", "quantity: closer to zero than 0.000001"),
        ("c,i,2026-01-02,1,1e13", "price: beyond 1,000,000,000,000"),
    ],
)
def test_a_bad_row_is_counted_by_its_reason(tmp_path: Path, row: str, reason: str) -> None:
    """Every unreadable row is counted, and examples give its position."""
    header = "customer_id,item_id,timestamp,quantity,price"
    path = csv(tmp_path, f"{header}\nc,i,2026-01-02,1,1\n{row}\n")
    found = read(path, max_bad=0.5).report

    assert {name: bad.rows for name, bad in found.bad.items()} == {reason: 1}
    assert found.bad[reason].examples[0].startswith("p.csv row 2: ")
    assert found.rows_used == 1


def test_a_price_below_zero_is_noticed_and_not_known(tmp_path: Path) -> None:
    """A negative price is reported and ignored; the purchase counts."""
    path = csv(tmp_path, "customer_id,item_id,price\nc,i,-3\nc,i,0\nc,i,4\n")
    found = read(path)

    assert found.lines["price"].to_list() == [None, 0.0, 4.0]
    assert found.report.notices[report.NOTICE_NEGATIVE] == 1


def test_no_customer_id_is_shown_in_an_example(tmp_path: Path) -> None:
    """The report may be stored where customer ids are not allowed."""
    path = csv(tmp_path, "customer_id,item_id,timestamp\nann/lee,i,2026-01-02\n")

    assert "ann" not in str(read(path, max_bad=1).report)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("x,i,2026-01-02,nail,more", TOO_MANY_FIELDS),
        ('x,"i"j,2026-01-02,nail', STRAY_QUOTE),
        ('x,"i,2026-01-02,nail', STRAY_QUOTE),
        ('x,i,2026-01-02,"nail', STRAY_QUOTE),
    ],
)
@pytest.mark.parametrize("name", ["p.csv", "p.csv.gz"])
def test_a_row_that_is_no_csv_costs_no_other_row(
    tmp_path: Path, row: str, reason: str, name: str
) -> None:
    """A damaged row is counted as bad with its position, without its text; other rows are used."""
    good = ["c,i,2026-01-02,nail", 'c,j,2026-01-02,"a ""big"" one', 'of two lines"'] * 3
    text = "\n".join(["customer_id,item_id,timestamp,about", *good, row, *good, ""])
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    found = read(path, PermittedIds(frozenset("c")), max_bad=0.1)

    assert found.report.bad == {reason: Bad(1, (f"{name} row 7: '(a row is not shown)'",))}
    assert found.lines["item_id"].to_list() == ["i", "j"] * 6


def test_a_stray_quote_is_not_closed_by_the_quotes_of_the_next_row(tmp_path: Path) -> None:
    """A stray quote makes one bad row, although the next row's quotes would close it."""
    rows = ['c,pipe,"big', 'c,nail,", small"', "c,nail,plain"]
    path = csv(tmp_path, "\n".join(["customer_id,item_id,about", *rows, ""]))
    found = read(path, max_bad=0.5)

    assert found.lines["item_id"].to_list() == ["nail", "nail"]
    assert found.report.bad[STRAY_QUOTE].rows == 1


def test_a_quote_within_a_text_swallows_no_rows(tmp_path: Path) -> None:
    """Two rows with inch marks do not become one text with all rows between them."""
    rows = ['c,pipe,5" wide', "c,pipe,plain", 'c,pipe,6" wide', "c,pipe,plain"]
    path = csv(tmp_path, "\n".join(["customer_id,item_id,about", *rows, ""]))

    assert read(path).report.rows_used == 4


def test_a_row_that_is_too_long_is_not_read_from_the_wrong_fields(tmp_path: Path) -> None:
    """A row with an unquoted comma is bad, because its fields would shift to other columns."""
    rows = ["c,plain,nails,red", "c,big, round,nails,red", 'c,"big, round",nails,red']
    path = csv(tmp_path, "\n".join(["customer_id,about,item_id,colour", *rows, "c,x,nails,red,,"]))
    found = read(path, max_bad=0.5)

    assert found.lines["item_id"].to_list() == ["nails"] * 3
    assert found.report.bad[TOO_MANY_FIELDS].rows == 1


def test_too_many_bad_rows_stop_the_run_and_say_why(tmp_path: Path) -> None:
    """A share above --max-bad stops the run with the reasons and an example."""
    path = csv(tmp_path, "customer_id,item_id,timestamp\nc,i,2026-01-02\nc,i,soon\n")

    with pytest.raises(InputUnreadable, match=r"50\.0%.*not a date or time.*'soon'"):
        read(path, max_bad=0.49)


def test_a_missing_column_is_named_beside_those_that_are_there(tmp_path: Path) -> None:
    """The error lists the existing columns, so that the operator can map one."""
    path = csv(tmp_path, "household_id,item_id\n1,2\n")

    with pytest.raises(InputUnreadable, match=r"household_id, item_id.*--map customer_id="):
        read(path)
    assert read(path, renames={"customer_id": "household_id"}).report.rows_used == 1


def test_a_file_without_a_header_shows_no_row(tmp_path: Path) -> None:
    """The error lists the expected columns instead of the first row, which may be personal data."""
    path = csv(tmp_path, "ann-1,tea,2026-01-02\nbob,tea,2026-01-02\n")

    with pytest.raises(InputUnreadable, match=r"none of customer_id, item_id.*header") as refused:
        read(path)
    assert "ann-1" not in str(refused.value)


def test_a_missing_optional_column_switches_off_what_needs_it(tmp_path: Path) -> None:
    """The report lists missing optional columns with their effect, and ignored columns."""
    found = read(csv(tmp_path, "customer_id,item_id,colour\nc,i,red\n")).report

    assert found.ignored_columns == ("colour",)
    assert set(found.switched_off) == {"timestamp", "quantity", "price", "order_id"}


def test_files_with_and_without_timestamps_do_not_mix(tmp_path: Path) -> None:
    """Files with and without timestamps together are an error."""
    csv(tmp_path, "customer_id,item_id\nc,i\n", "a.csv")
    csv(tmp_path, "customer_id,item_id,timestamp\nc,i,2026-01-02\n", "b.csv")

    with pytest.raises(InputUnreadable, match="1 of 2 files have a timestamp"):
        read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PAR1 and then nothing", b"\x1f\x8bnot gzip"])
@pytest.mark.parametrize("name", ["p.csv", "p.csv.gz", "p.parquet"])
def test_a_broken_file_is_an_input_error(tmp_path: Path, name: str, content: bytes) -> None:
    """A file with any damage ends the run with a message."""
    (tmp_path / name).write_bytes(content)

    with pytest.raises(InputUnreadable, match=r"p\.") as refused:
        read(tmp_path / name)
    assert "nothing" not in str(refused.value)


def test_lines_without_consent_are_left_out_before_validation(tmp_path: Path) -> None:
    """Bad rows of customers without consent are not counted as bad; only their number is
    reported.
    """
    path = csv(tmp_path, "customer_id,item_id,timestamp\nyes,i,2026-01-02\nno,i,soon\nno,j,soon\n")
    found = read(path, PermittedIds(frozenset({"yes"})))

    assert found.lines["customer_id"].to_list() == ["yes"]
    assert (found.report.customers_without_consent, found.report.bad) == (1, {})
    assert found.report.left_out == {report.NO_CONSENT: 2}


def test_sensitive_items_are_left_out(tmp_path: Path) -> None:
    """Lines of items that the catalogue marks as sensitive are not used."""
    path = write(tmp_path / "p.csv", [("c", "tea", 0), ("c", "test-kit", 0)])
    found = read(path, sensitive={"test-kit"})

    assert found.lines["item_id"].to_list() == ["tea"]
    assert found.report.left_out == {report.SENSITIVE: 1}


def test_returns_are_no_purchases_and_cancel_what_came_back_whole() -> None:
    """Two units bought and two returned cancel the purchase; three bought and one returned
    do not.
    """
    bought = [("c", "back", 0.0), ("c", "back", 1.0), ("c", "kept", 0.0), ("c", "kept", 2.0)]
    netted = net(lines([*bought, ("c", "gift", 0)], quantity=[2.0, -2.0, 3.0, -1.0, 0.0]))

    assert netted.kept["item_id"].to_list() == ["kept"]
    assert (netted.returned, netted.cancelled, netted.no_units) == (2, 1, 1)


def test_equal_rows_are_kept_and_noticed(tmp_path: Path) -> None:
    """Equal rows are kept and reported, because an order can hold two lines of one item."""
    found = read(write(tmp_path / "p.csv", [("c", "i", 0), ("c", "i", 0)])).report

    assert (found.rows_used, found.notices) == (2, {report.NOTICE_REPEATS: 1})


def test_an_order_id_that_comes_back_is_noticed(tmp_path: Path) -> None:
    """An order id that recurs after a day is reported; within a day it is one order."""
    rows = ["a,9,2026-01-02 09:00", "a,9,2026-01-03 08:59", "b,9,2026-02-02", "b,9,2026-02-03"]
    text = "\n".join(["customer_id,order_id,timestamp,item_id", *(f"{row},i" for row in rows)])

    assert read(csv(tmp_path, text)).report.notices == {report.NOTICE_RECURRING: 1}
    assert read(csv(tmp_path, "customer_id,order_id,item_id\nc,9,i\n")).report.notices == {}


EVENTS = {
    "message_id": ["1", "2", "3", "4", "5"],
    "type": ["view", "purchase", "purchase", "offer_shown", "purchase"],
    "timestamp": [datetime(2026, 1, 2, tzinfo=UTC)] * 5,
    "customer_id": ["c", "c", None, None, "d"],
    "item_id": ["i", "i", "i", None, "a/"],
    "quantity": [None, 2.0, 1.0, None, 1.0],
}


def test_only_customers_purchases_are_read_from_drained_events(tmp_path: Path) -> None:
    """Other events are counted as left out; a bad purchase is reported with its row number."""
    pl.DataFrame(EVENTS).write_parquet(tmp_path / "events-1-0-2-0.parquet")
    lines([("c", "i", 1)]).rename({"at": "timestamp"}).write_parquet(tmp_path / "before.parquet")

    found = read(tmp_path, max_bad=0.4)

    assert found.lines.select("customer_id", "item_id", "quantity").rows() == [
        ("c", "i", 1.0),
        ("c", "i", 2.0),
    ]
    assert found.report.rows_read == 6
    assert found.report.left_out == {report.NOT_PURCHASES: 2, report.NO_CUSTOMER: 1}
    assert [(bad.rows, bad.examples) for bad in found.report.bad.values()] == [
        (1, ("events-1-0-2-0.parquet row 5: 'a/'",))
    ]
    assert found.report.bad_share == pytest.approx(1 / 3)


def test_events_without_a_purchase_are_none(tmp_path: Path) -> None:
    """An event log without purchases gives no lines and no bad rows."""
    pl.DataFrame(EVENTS).head(1).write_parquet(tmp_path / "events.parquet")

    found = read(tmp_path)

    assert found.lines.height == 0
    assert found.report.bad_share == 0
    assert found.report.left_out == {report.NOT_PURCHASES: 1}
