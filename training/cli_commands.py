"""The commands of `recsvc-train`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from training import cli_options as options
from training.cli_output import (
    print_catalogue,
    print_gate,
    print_holdout,
    print_ingest,
    print_offers_ranked,
    print_results,
)
from training.evaluate_job import EvaluationJob, evaluate
from training.evaluate_offers_job import OffersJob, evaluate_offers
from training.progress import Progress, stderr_console
from training.publish.gate import Objection
from training.run_job import RunJob, run
from training.running_shop import TUNING, TrainingShop, open_shop
from training.settings import TrainingSettings
from training.sources.column_mapping import parse_renames
from training.sources.ingest import Request
from training.sources.item_catalogue import ItemCatalogue
from training.sources.purchase_files import PurchaseFiles
from training.tuning.budget import Minutes
from training.tuning.tuner import Tuner

app = typer.Typer()

Purchases = Annotated[str, typer.Option(help="CSV, CSV.gz or Parquet: a file, folder or glob.")]
Consents = Annotated[
    str,
    typer.Option(
        metavar="service|FILE|assume-granted",
        help="Source of training consents: the service, a file with customer_id and training, or "
        "assume-granted if all customers have consented.",
    ),
]
Renames = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="OURS=YOURS", help="Rename a column; may be repeated."),
]
Items = Annotated[
    str | None,
    typer.Option(
        metavar="service|FILE",
        help="Source of items: the service, or a file with item_id, category, sensitive.",
    ),
]
DataDir = Annotated[Path | None, typer.Option(help="Data folder (RECSVC_DATA_DIR, else .recsvc).")]
Shop = Annotated[str, typer.Option(help="Shop to train for.")]
MaxBad = Annotated[str, typer.Option(help="Stop if a larger share of the rows is bad.")]
Horizon = Annotated[str, typer.Option(help="Length of a past window and of the automatic holdout.")]
Windows = Annotated[int, typer.Option(min=1, max=12, help="Past windows to compare models on.")]
Tune = Annotated[
    str | None,
    typer.Option(
        metavar="MINUTES",
        help="Search for better ranker settings on past windows for this many minutes.",
    ),
]
KAnonymity = Annotated[
    int,
    typer.Option(
        "--k-anonymity",
        min=1,
        help="Least number of customers behind each item and each pair of items in anonymous "
        "lists.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, max=2**31, help="Seed of all random choices.")]
Accepted = Annotated[
    list[Objection] | None,
    typer.Option(
        "--accept",
        help="Publish despite this objection, which the refusal named; may be repeated.",
    ),
]
LeaveOut = Annotated[
    Path | None,
    typer.Option(
        help="Customers, one id a line, to measure as customers outside the model (default: a "
        "sample)."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON on stdout.")]


@app.command(name="run")
def run_command(
    purchases: Purchases,
    consents: Consents,
    renames: Renames = None,
    items: Items = None,
    data_dir: DataDir = None,
    shop: Shop = "default",
    max_bad: MaxBad = "1%",
    horizon: Horizon = "28d",
    windows: Windows = 3,
    tune: Tune = None,
    k_anonymity: KAnonymity = 5,
    seed: Seed = 0,
    accept: Accepted = None,
    as_json: AsJson = False,
) -> None:
    """Read purchases, compare models on past windows, fit the winners and publish the model."""
    request = _request(purchases, renames, max_bad)
    settings = TrainingSettings(
        seed, options.days(horizon), judged_windows=windows, k_anonymity=k_anonymity
    )
    opened = open_shop(shop, data_dir)
    console = stderr_console()
    with Progress(console) as progress:
        job = RunJob(
            request=request,
            consents=options.consent_source(consents, opened),
            catalogue=_catalogue(items, opened, console),
            settings=settings,
            destination=opened.destination(),
            tuner=_tuner(tune, opened.tuning_folder()),
            accepted=frozenset(accept or ()),
        )
        done = run(job, progress, lambda report: print_ingest(console, report))
    print_results(console, done.model.trained.results)
    print_gate(console, done.published)
    if as_json:
        typer.echo(msgspec.json.encode(done.as_report(shop)).decode())
    else:
        typer.echo(done.published.version)


@app.command(name="evaluate")
def evaluate_command(
    purchases: Purchases,
    consents: Consents,
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    holdout: Annotated[
        str | None,
        typer.Option(help="Later purchases to measure on (default: the last horizon)."),
    ] = None,
    renames: Renames = None,
    items: Items = None,
    data_dir: DataDir = None,
    shop: Shop = "default",
    max_bad: MaxBad = "1%",
    horizon: Horizon = "28d",
    windows: Windows = 3,
    tune: Tune = None,
    seed: Seed = 0,
    leave_out: LeaveOut = None,
    as_json: AsJson = False,
) -> None:
    """Train on purchases, rank for the customers of later purchases, and measure the rankings.

    Writes metrics.json, predictions.parquet and report.html. Publishes nothing.
    """
    opened = open_shop(shop, data_dir)
    console = stderr_console()
    with Progress(console) as progress:
        job = EvaluationJob(
            request=_request(purchases, renames, max_bad),
            holdout=None if holdout is None else PurchaseFiles(holdout),
            consents=options.consent_source(consents, opened),
            catalogue=_catalogue(items, opened, console),
            settings=TrainingSettings(seed, options.days(horizon), judged_windows=windows),
            out=out,
            tuner=_tuner(tune, out / TUNING),
            leave_out=() if leave_out is None else options.customers(leave_out),
        )
        results = evaluate(job, progress, lambda report: print_ingest(console, report))
    print_results(console, results)
    print_holdout(console, results)
    typer.echo(results.as_bytes().decode() if as_json else str(out))


@app.command(name="evaluate-offers")
def evaluate_offers_command(
    purchases: Purchases,
    offers: Annotated[str, typer.Option(help="Items of each offer: rows of offer_id, item_id.")],
    customers: Annotated[str, typer.Option(help="Customers to rank for: rows of customer_id.")],
    consents: Consents,
    as_of: Annotated[
        str,
        typer.Option(metavar="DATE", help="Use only purchases before this day (UTC)."),
    ],
    out: Annotated[Path, typer.Option(help="Parquet file to write.")],
    renames: Renames = None,
    items: Items = None,
    data_dir: DataDir = None,
    shop: Shop = "default",
    max_bad: MaxBad = "1%",
    as_json: AsJson = False,
) -> None:
    """Rank all offers for each customer with the service's ranking code.

    Writes customer_id, offer_id, rank and score. Publishes nothing.
    """
    opened = open_shop(shop, data_dir)
    console = stderr_console()
    with Progress(console) as progress:
        job = OffersJob(
            request=_request(purchases, renames, max_bad),
            offers=offers,
            customers=customers,
            consents=options.consent_source(consents, opened),
            catalogue=_catalogue(items, opened, console),
            as_of=options.moment(as_of),
            out=out,
        )
        done = evaluate_offers(job, progress, lambda report: print_ingest(console, report))
    print_offers_ranked(console, done)
    typer.echo(msgspec.json.encode(done).decode() if as_json else str(out))


def _catalogue(items: str | None, shop: TrainingShop, console: Console) -> ItemCatalogue:
    catalogue = options.catalogue(items, shop)
    print_catalogue(console, catalogue)
    return catalogue


def _request(purchases: str, renames: list[str] | None, max_bad: str) -> Request:
    return Request(
        source=PurchaseFiles(purchases),
        renames=parse_renames(renames or []),
        max_bad=options.share(max_bad),
        now=datetime.now(UTC),
    )


def _tuner(minutes: str | None, folder: Path) -> Tuner | None:
    return None if minutes is None else Tuner(folder, Minutes(options.minutes(minutes)))
