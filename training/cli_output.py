"""Tables and messages of the trainer's commands on stderr."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.evaluate_offers_job import OffersRanked
from training.metrics.estimates import Mean
from training.metrics.results import MAIN_METRIC, Results, SlateResults
from training.publish.publish import Published
from training.report.item_lists import section
from training.report.words import (
    anonymity_sentence,
    constants_sentence,
    orders_told,
    popular_sentence,
    tuning_sentence,
)
from training.sources.ingest_report import IngestReport
from training.sources.item_catalogue import NO_CATALOGUE, ItemCatalogue


def print_ingest(console: Console, report: IngestReport) -> None:
    table = Table("rows", "result", title="Purchases", title_justify="left", box=None)
    table.columns[0].justify = "right"
    rows = [(report.rows_read, f"read from {report.files} file(s)"), (report.rows_used, "used")]
    rows += [(count, f"left out: {reason}") for reason, count in report.left_out.items()]
    rows += [
        (bad.rows, f"bad: {reason}, e.g. {'; '.join(bad.examples)}")
        for reason, bad in report.bad.items()
    ]
    rows += [(count, f"noticed: {notice}") for notice, count in report.notices.items()]
    for count, label in rows:
        table.add_row(f"{count:,}", escape(label))
    console.print(table)
    for column, lost in report.switched_off.items():
        console.print(escape(f"No column {column}; switched off: {lost}."))
    if report.ignored_columns:
        console.print(escape(f"Ignored columns: {', '.join(report.ignored_columns)}."))
    if report.first:
        console.print(f"From {report.first} to {report.last}.")


def print_catalogue(console: Console, catalogue: ItemCatalogue) -> None:
    """Show the number of items, and what was ignored. Without a catalogue nothing is shown."""
    if catalogue.origin == NO_CATALOGUE:
        return
    parts = [f"Items: {catalogue.items:,}"]
    parts += [f"{catalogue.bad_rows:,} bad rows"] if catalogue.bad_rows else []
    parts += [f"{catalogue.repeated_rows:,} repeated rows"] if catalogue.repeated_rows else []
    ignored = [f"{values:,} of {name}" for name, values in catalogue.ignored_values.items()]
    parts += [f"ignored values: {', '.join(ignored)}"] if ignored else []
    columns = ", ".join(catalogue.ignored_columns)
    parts += [f"ignored columns: {columns}"] if columns else []
    console.print(escape(f"{'; '.join(parts)}."), soft_wrap=True)


def print_results(console: Console, results: Results) -> None:
    """Show the models compared for each slate, and the chosen one."""
    for part, reason in results.switched_off.items():
        console.print(escape(f"Switched off ({part}): {reason}."))
    if not results.judged:
        console.print(escape(f"Models not compared: {results.reason}."))
    for slate, found in results.slates.items():
        if found.models:
            console.print(_windows_table(slate, found))
    print_item_slates(console, results)
    print_warm_start(console, results)
    print_new_purchases(console, results)
    if results.popular is not None:
        console.print(escape(popular_sentence(results.popular)), soft_wrap=True)
    if results.anonymity is not None:
        console.print(escape(anonymity_sentence(results.anonymity)), soft_wrap=True)
    if results.constants:
        console.print(escape(constants_sentence(results)), soft_wrap=True)
    if results.tuning is not None:
        console.print(escape(tuning_sentence(results)), soft_wrap=True)


def print_item_slates(console: Console, results: Results) -> None:
    """Show the measured candidates of the lists of items, the verdict and the coverage."""
    for slate, found in results.item_slates.items():
        lists = section(slate, found)
        title = f"{slate}: lists of items (* chosen: {found.choice.reason})"
        if not lists.lines:
            sentences = f"{slate}: {lists.published}: {lists.reason}. {lists.verdict}"
            console.print(escape(f"{sentences} {lists.coverage}"), soft_wrap=True)
            continue
        table = Table("lists", *lists.columns, title=title, title_justify="left", box=None)
        for line in lists.lines:
            table.add_row(f"{'*' if line.published else ' '} {line.title}", *line.cells)
        console.print(table)
        console.print(escape(f"{lists.verdict} {lists.coverage}"), soft_wrap=True)


def print_warm_start(console: Console, results: Results) -> None:
    """Show the lists of customers outside the model, beside popular items and trained lists."""
    for found in results.warm_start:
        of = "" if found.listed is None else f" of {found.listed} listed"
        title = f"{found.slate}: {found.customers}{of} customers left out of training"
        columns = (MAIN_METRIC, "popular", "trained", "/ popular", "/ trained")
        table = Table("purchases", *columns, title=title, title_justify="left", box=None)
        known = _figure(found.known.mean if found.known else None)
        for path in found.paths:
            cells = [_figure(path.history.mean), _figure(path.popularity.mean), known]
            ratios = [_ratio(path.of_popularity), _ratio(path.of_known)]
            table.add_row(orders_told(path), *cells, *ratios)
        console.print(table)


def print_new_purchases(console: Console, results: Results) -> None:
    """Show what purchases since the end of the data add for customers of the model."""
    found = results.new_purchases
    if found is None:
        return
    for slate, paths in found.slates.items():
        title = f"{slate}: purchases told since training, share {found.share:g} of their chances"
        columns = ("days told", MAIN_METRIC, "trained alone", "gain", "±")
        table = Table(*columns, title=title, title_justify="left", box=None)
        for path in paths:
            means = (path.told.mean, path.trained.mean, path.gain.mean, path.gain.error)
            table.add_row(f"{path.days:.3g}", *map(_figure, means))
        console.print(table)


def _ratio(value: Mean | None) -> str:
    return "-" if value is None else f"{value.mean:.3f} ± {value.error:.3f}"


def print_gate(console: Console, published: Published) -> None:
    """Show why models were not compared, and which objections were accepted."""
    for sentence in published.notes:
        console.print(escape(sentence), soft_wrap=True)


def _windows_table(slate: str, found: SlateResults) -> Table:
    """Return NDCG@10 of every model on the past windows, the newest first."""
    windows = [f"window {place + 1}" for place in range(len(found.models[0].windows))]
    title = f"{slate}: {MAIN_METRIC} on past windows (* chosen: {found.choice.reason})"
    table = Table("model", *windows, "− chosen", "±", title=title, title_justify="left", box=None)
    for row in found.models:
        mark = "*" if row.model.name == found.choice.winner else " "
        means = [_figure(window.mean if window else None) for window in row.windows]
        versus = row.versus_winner
        cells = [
            _figure(versus.mean if versus else None),
            _figure(versus.error if versus else None),
        ]
        table.add_row(f"{mark} {row.model.title}", *means, *cells)
    return table


def print_holdout(console: Console, results: Results) -> None:
    """Show the metrics of the chosen model and every base model on the holdout."""
    if results.holdout is None:
        return
    for slate, found in results.holdout.slates.items():
        winner = results.slates[slate].choice.winner
        title = f"{slate}: {found.customers} customers of the holdout (* chosen)"
        names = ("ndcg@10", "recall@10", "hit_rate@10", "mrr@10")
        columns = ("model", *names, "− chosen", "±")
        table = Table(*columns, title=title, title_justify="left", box=None)
        for row in found.models:
            versus = row.versus_winner
            cells = [_figure(row.metrics[name].mean) for name in names]
            cells += [_figure(versus.mean if versus else None)]
            cells += [_figure(versus.error if versus else None)]
            mark = "*" if row.model.name == winner else " "
            table.add_row(f"{mark} {row.model.title}", *cells)
        console.print(table)


def print_offers_ranked(console: Console, ranked: OffersRanked) -> None:
    """Show the numbers of offers, of customers, and of customers without usable purchases."""
    console.print(
        f"{ranked.offers:,} offers ranked for {ranked.customers:,} customers; "
        f"{ranked.customers_not_personal:,} without usable purchases get popular offers."
    )
    for table, rows in ranked.bad_rows.items():
        console.print(f"{rows:,} bad rows of {table} left out.")


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
