"""The rows of the input files in the report: counts per result, and missing columns.

Only counts are shown. Examples of bad rows are printed to the terminal, because the report has more
readers.
"""

from collections.abc import Sequence

from training.metrics.results import Results
from training.report.numbers import count, percent
from training.sources.ingest_report import IngestReport

_TITLES = ("Rows of the purchases", "Rows of the purchases held out")
_COVERED_BY = {"timestamp": "time"}  # missing column → the entry of `switched_off` that covers it

Outcome = tuple[str, str]  # a number of rows, and the label of the outcome


def rows_read(reports: Sequence[IngestReport]) -> list[tuple[str, list[Outcome]]]:
    """Return a title and the outcomes of the rows, for each file."""
    return [
        (title, [(count(rows), label) for rows, label in _outcomes(report)])
        for title, report in zip(_TITLES, reports, strict=False)
    ]


def _outcomes(report: IngestReport) -> list[tuple[int, str]]:
    """Return the outcomes of the rows. Reasons without rows are left out, except a count of no bad
    rows.
    """
    bad = f"bad, {percent(report.bad_share)} of the usable rows"
    return [
        (report.rows_read, "read"),
        (report.rows_used, "used"),
        *((rows, f"left out: {reason}") for reason, rows in report.left_out.items()),
        (report.bad_rows, bad if report.bad_rows else "bad"),
        *((each.rows, f"of them: {reason}") for reason, each in report.bad.items()),
        *((rows, f"noticed: {notice}") for notice, rows in report.notices.items()),
    ]


def switched_off(results: Results, reports: Sequence[IngestReport]) -> dict[str, str]:
    """Join missing columns with the parts that were switched off, each listed once."""
    found = results.switched_off
    lacking = {
        f"no {column}": lost
        for report in reports[:1]
        for column, lost in report.switched_off.items()
        if _COVERED_BY.get(column, column) not in found
    }
    return {**found, **lacking}
