"""`recsvc-train`: the trainer's command line.

Exit codes: 0 done; 2 the command or its files cannot be read, or too many rows are bad; 3 the
input is readable but must not be published.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape
from typer.core import TyperGroup

from recsvc.domain.errors import RecsvcError
from training import options
from training.columns import parse_renames
from training.errors import TrainingError
from training.ingest import Request
from training.pipeline import Plan
from training.printing import print_ingest, print_metrics, stderr_console
from training.progress import Progress
from training.run import Job, run
from training.shop import open_shop

EXIT_UNREADABLE = 2


class Commands(TyperGroup):
    """What we refuse to do is one clear line and no traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (RecsvcError, OSError) as error:
            stderr_console().print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)
            code = error.exit_code if isinstance(error, TrainingError) else EXIT_UNREADABLE
            raise typer.Exit(code) from error


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)


@app.callback()
def trainer() -> None:
    """Learn from purchases, judge what was learned, publish a model for the service."""


@app.command(name="run")
def run_command(
    purchases: Annotated[str, typer.Option(help="CSV, CSV.gz or Parquet: a file, folder or glob.")],
    consents: Annotated[
        str,
        typer.Option(
            metavar="service|FILE|assume-granted",
            help="Who may be learned from: asked of the running shop, read from a file "
            "(customer_id, training), or everybody, in your own name.",
        ),
    ],
    renames: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="OURS=YOURS", help="Name a column, as often as needed."),
    ] = None,
    items: Annotated[
        str | None,
        typer.Option(
            metavar="service|FILE",
            help="What items are: CSV or Parquet with item_id, category, sensitive.",
        ),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Data folder (RECSVC_DATA_DIR, else .recsvc).")
    ] = None,
    shop: Annotated[str, typer.Option(help="The shop to train for.")] = "default",
    max_bad: Annotated[str, typer.Option(help="Stop when more rows are bad than this.")] = "1%",
    horizon: Annotated[str, typer.Option(help="How much is held out to judge by.")] = "28d",
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="Seed of everything random.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON on stdout.")] = False,
) -> None:
    """Read purchases, judge on the last of them, fit on all of them, and publish the model."""
    request = Request(
        location=purchases,
        renames=parse_renames(renames or []),
        max_bad=options.share(max_bad),
        now=datetime.now(UTC),
    )
    plan = Plan(seed=seed, horizon_days=options.days(horizon))
    opened = open_shop(shop, data_dir)
    console = stderr_console()
    with Progress(console) as progress:
        job = Job(
            request=request,
            consents=options.consent_source(consents, opened),
            catalogue=options.catalogue(items, opened),
            plan=plan,
            destination=opened.destination(),
        )
        done = run(job, progress, lambda report: print_ingest(console, report))
    print_metrics(console, done.settled.trained.evaluation.metrics)
    if as_json:
        typer.echo(msgspec.json.encode(done.as_report(shop)).decode())
    else:
        typer.echo(done.published.version)


if __name__ == "__main__":
    app()
