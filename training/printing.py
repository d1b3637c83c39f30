"""What a run tells the person at the terminal: tables on stderr."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.evaluate import CUTOFF
from training.report import IngestReport

WIDE = 120  # what is not a terminal has no width, and nothing may be cut off in it


def stderr_console() -> Console:
    console = Console(stderr=True, highlight=False)
    return console if console.is_terminal else Console(stderr=True, highlight=False, width=WIDE)


def print_ingest(console: Console, report: IngestReport) -> None:
    table = Table("rows", "what became of them", title="Purchases", title_justify="left", box=None)
    table.columns[0].justify = "right"
    rows = [(report.rows_read, f"read from {report.files} file(s)"), (report.rows_used, "used")]
    rows += [(count, f"left out: {reason}") for reason, count in report.left_out.items()]
    rows += [
        (bad.rows, f"bad: {reason}, e.g. {'; '.join(bad.examples)}")
        for reason, bad in report.bad.items()
    ]
    rows += [(count, f"noticed: {notice}") for notice, count in report.notices.items()]
    for count, what in rows:
        table.add_row(f"{count:,}", escape(what))
    console.print(table)
    for column, lost in report.switched_off.items():
        console.print(escape(f"No column {column}; switched off: {lost}."))
    if report.ignored_columns:
        console.print(escape(f"Ignored columns: {', '.join(report.ignored_columns)}."))
    if report.first:
        console.print(f"From {report.first} to {report.last}.")


def print_metrics(console: Console, metrics: Mapping[str, Any]) -> None:
    if not metrics["judged"]:
        console.print(escape(f"Not judged: {metrics['reason']}."))
        return
    for slate, found in metrics["slates"].items():
        console.print(figures_table(slate, found, metrics["window"]))


def figures_table(slate: str, found: Mapping[str, Any], window: str) -> Table:
    names = (f"ndcg@{CUTOFF}", f"recall@{CUTOFF}", f"hit_rate@{CUTOFF}", "over_popularity")
    title = f"{slate}, held out: {window} (* is published)"
    table = Table("recommender", *names, "±", title=title, title_justify="left", box=None)
    for name, row in found["recommenders"].items():
        mark = "*" if name == found["chosen"] else " "
        cells = [figure(row[column]) for column in (*names, "over_popularity_error")]
        table.add_row(f"{mark} {name}", *cells)
    return table


def figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
