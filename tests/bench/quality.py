"""How good the rankings are on Complete Journey: `make bench-quality`.

For two cuts, learn on everything before it and rank for every customer of the 30 days after it,
over the whole catalogue; print every model with its paired difference to the published one. The
figures to reach stand beside. All customers of the public data set are learned from.
"""

import argparse
import resource
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import polars as pl
from rich.console import Console

from training.cli_output import print_findings, print_holdout
from training.concurrency import return_freed_memory
from training.dataset.holdout import Split, given
from training.dataset.interactions import from_lines
from training.demo.completejourney import prepare
from training.evaluate_job import evaluate_split
from training.metrics.results import MAIN_METRIC, Results
from training.progress import Progress
from training.settings import TrainingSettings
from training.sources import ingest
from training.sources.consents import AssumeGranted
from training.sources.ingest import Purchases
from training.sources.item_catalogue import read_catalogue_file
from training.sources.purchase_files import PurchaseFiles

HOLDOUT = timedelta(days=30)
MUST = {
    ("2017-12-01", "for_you"): 0.429,
    ("2017-12-01", "discover"): 0.055,
    ("2017-09-01", "for_you"): 0.436,
    ("2017-09-01", "discover"): 0.055,
}
AIM = {
    ("2017-12-01", "for_you"): 0.435,
    ("2017-12-01", "discover"): 0.059,
    ("2017-09-01", "for_you"): 0.442,
    ("2017-09-01", "discover"): 0.058,
}
CUTS = ("2017-12-01", "2017-09-01")


def read_split(folder: Path, cut: str, progress: Progress) -> Split:
    """Part the purchases at a cut; nothing after the holdout is read by anything."""
    request = ingest.Request(
        PurchaseFiles(str(folder / "purchases.parquet")), {}, 0.01, datetime.now(UTC)
    )
    whole = ingest.read_purchases(request, AssumeGranted(), (), progress)
    at = datetime.fromisoformat(cut).replace(tzinfo=UTC)
    catalogue = read_catalogue_file(folder / "items.parquet")
    past = whole.lines.filter(pl.col("at") < at)
    later = whole.lines.filter((pl.col("at") >= at) & (pl.col("at") < at + HOLDOUT))
    learning = from_lines(past, timed=True, categories=catalogue.categories)
    return given(learning, Purchases(later, True, whole.report))


def measure(folder: Path, cut: str, windows: int, console: Console) -> Results:
    started = monotonic()
    with Progress(console) as progress:
        split = read_split(folder, cut, progress)
        settings = TrainingSettings(seed=0, horizon_days=28.0, judged_windows=windows)
        results = evaluate_split(split, settings, progress).results
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    console.print(f"{cut}: {monotonic() - started:.0f} s, {peak:.2f} GB at most")
    return results


def print_wanted(console: Console, cut: str, results: Results) -> None:
    """Set what was reached against what is wanted."""
    if results.holdout is None:
        return
    for slate, found in results.holdout.slates.items():
        winner = results.slates[slate].choice.winner
        reached = next(row for row in found.models if row.model.name == winner)
        mean = reached.metrics[MAIN_METRIC].mean
        wanted = MUST.get((cut, slate))
        if wanted is None:
            continue
        verdict = "reached" if mean >= wanted else "MISSED"
        aim = AIM[cut, slate]
        console.print(f"{cut} {slate}: {mean:.4f}, must {wanted} ({verdict}), aim {aim}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cut", choices=CUTS, action="append")
    options.add_argument("--windows", type=int, default=3)
    options.add_argument("--data", type=Path, help="prepared files (training.demo.completejourney)")
    asked = options.parse_args()
    return_freed_memory()
    console = Console(width=140, highlight=False)
    with tempfile.TemporaryDirectory() as made:
        folder = asked.data or Path(made)
        if asked.data is None:
            prepare(folder)
        for cut in asked.cut or CUTS:
            results = measure(folder, cut, asked.windows, console)
            print_findings(console, results)
            print_holdout(console, results)
            print_wanted(console, cut, results)


if __name__ == "__main__":
    main()
