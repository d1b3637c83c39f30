"""What was read, as the page tells it: what became of the rows, and what is missing from them.

Counts alone: an example of a bad row is for the terminal of whoever may see the rows.
"""

from collections.abc import Sequence

from training.metrics.results import Results
from training.report.numbers import count, percent
from training.sources.ingest_report import IngestReport

_TITLES = ("Rows of the purchases", "Rows of the purchases held out")
_TOLD_AS = {"timestamp": "time"}  # columns whose lack is told in other words, by what it changes

Fate = tuple[str, str]  # how many rows, what became of them


def rows_read(reports: Sequence[IngestReport]) -> list[tuple[str, list[Fate]]]:
    """Return a title and the fates of the rows, for each reading."""
    return [
        (title, [(count(rows), what) for rows, what in _fates(report)])
        for title, report in zip(_TITLES, reports, strict=False)
    ]


def _fates(report: IngestReport) -> list[tuple[int, str]]:
    """A reason that concerns no row is not among them, but that none was bad is said."""
    bad = f"bad, {percent(report.bad_share)} of those that may be used"
    return [
        (report.rows_read, "read"),
        (report.rows_used, "used"),
        *((rows, f"left out: {reason}") for reason, rows in report.left_out.items()),
        (report.bad_rows, bad if report.bad_rows else "bad"),
        *((each.rows, f"of them: {reason}") for reason, each in report.bad.items()),
        *((rows, f"noticed: {notice}") for notice, rows in report.notices.items()),
    ]


def switched_off(results: Results, reports: Sequence[IngestReport]) -> dict[str, str]:
    """Join what the purchases lack with what could not be done; neither is told twice."""
    found = results.switched_off
    lacking = {
        f"no {column}": lost
        for report in reports[:1]
        for column, lost in report.switched_off.items()
        if _TOLD_AS.get(column, column) not in found
    }
    return {**found, **lacking}
