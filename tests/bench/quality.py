"""Quality of rankings on Complete Journey: `make bench-quality`.

For two cutoffs, trains on all purchases before it and ranks the whole catalogue for each customer
of the 30 days after it. Prints every model with its paired difference to the published one, beside
the required values. All customers of the public data set are used.
"""

import argparse
import resource
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import polars as pl
from rich.console import Console

from tests.bench import digital
from training.cli_output import print_holdout, print_results
from training.concurrency import return_freed_memory
from training.dataset.category_groups import judged_categories
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
from training.sources.item_catalogue import ItemCatalogue
from training.sources.item_files import read_catalogue_file
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
OUTSIDE = {  # customers outside the model: slate, orders told, compared with
    ("for_you", 1, "popular"): 1.35,
    ("for_you", 3, "popular"): 1.65,
    ("for_you", None, "trained"): 0.88,
    ("discover", 1, "popular"): 1.0,
    ("discover", None, "trained"): 0.80,
}
CUTOFFS = ("2017-12-01", "2017-09-01")


def read_split(folder: Path, cutoff: str, progress: Progress) -> tuple[Split, ItemCatalogue]:
    """Split the purchases at a cutoff; purchases after the holdout are not used."""
    request = ingest.Request(
        PurchaseFiles(str(folder / "purchases.parquet")), {}, 0.01, datetime.now(UTC)
    )
    whole = ingest.read_purchases(request, AssumeGranted(), (), progress)
    at = datetime.fromisoformat(cutoff).replace(tzinfo=UTC)
    catalogue = read_catalogue_file(folder / "items.parquet")
    earlier = whole.lines.filter(pl.col("at") < at)
    later = whole.lines.filter((pl.col("at") >= at) & (pl.col("at") < at + HOLDOUT))
    learning = from_lines(
        earlier,
        timed=True,
        categories=judged_categories(catalogue.categories),
        catalogue=catalogue.not_sensitive,
    )
    return given(learning, Purchases(later, True, whole.report)), catalogue


def measure(folder: Path, cutoff: str, windows: int, console: Console) -> Results:
    started = monotonic()
    with Progress(console) as progress:
        split, catalogue = read_split(folder, cutoff, progress)
        settings = TrainingSettings(seed=0, horizon_days=28.0, judged_windows=windows)
        results = evaluate_split(split, catalogue, settings, progress).results
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    console.print(f"{cutoff}: {monotonic() - started:.0f} s, {peak:.2f} GB at most")
    return results


def print_targets(console: Console, cutoff: str, results: Results) -> None:
    """Compare the results with the targets."""
    if results.holdout is None:
        return
    for slate, found in results.holdout.slates.items():
        winner = results.slates[slate].choice.winner
        reached = next(row for row in found.models if row.model.name == winner)
        mean = reached.metrics[MAIN_METRIC].mean
        wanted = MUST.get((cutoff, slate))
        if wanted is None:
            continue
        verdict = "reached" if mean >= wanted else "MISSED"
        aim = AIM[cutoff, slate]
        console.print(f"{cutoff} {slate}: {mean:.4f}, must {wanted} ({verdict}), aim {aim}")


def print_list_targets(console: Console, cutoff: str, results: Results) -> None:
    """Compare the lists of items with the best baseline: by more than one standard error."""
    for slate, found in results.item_slates.items():
        base = found.best_baseline()
        if base is None or base.versus_winner is None or base.hit_versus_winner is None:
            continue
        for name, behind in (("MRR", base.versus_winner), ("hit@10", base.hit_versus_winner)):
            verdict = "reached" if -behind.mean > behind.error else "MISSED"
            console.print(
                f"{cutoff} {slate} {name}: {-behind.mean:+.4f} ± {behind.error:.4f} against "
                f"{base.title} ({verdict})"
            )


def print_outside_model(console: Console, cutoff: str, results: Results) -> None:
    """Compare the lists of customers outside the model with the targets (ratios of NDCG@10)."""
    for found in results.warm_start:
        for path in found.paths:
            orders = "all" if path.orders is None else path.orders
            for base, ratio in (("popular", path.of_popularity), ("trained", path.of_known)):
                wanted = OUTSIDE.get((found.slate, path.orders, base))
                if ratio is None or wanted is None:
                    continue
                verdict = "reached" if ratio.mean >= wanted else "MISSED"
                console.print(
                    f"{cutoff} {found.slate}, outside the model, {orders} orders told: "
                    f"{ratio.mean:.3f} ± {ratio.error:.3f} of {base}, must {wanted} ({verdict})"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cut", choices=CUTOFFS, action="append")
    parser.add_argument("--windows", type=int, default=3)
    parser.add_argument("--digital", action="store_true", help="a shop without dates and repeats")
    parser.add_argument("--data", type=Path, help="prepared files (training.demo.completejourney)")
    options = parser.parse_args()
    return_freed_memory()
    console = Console(width=140, highlight=False)
    with tempfile.TemporaryDirectory() as made:
        folder = options.data or Path(made)
        if options.data is None:
            prepare(folder)
        if options.digital:
            digital.measure(folder, console)
            return
        for cutoff in options.cut or CUTOFFS:
            results = measure(folder, cutoff, options.windows, console)
            print_results(console, results)
            print_holdout(console, results)
            print_targets(console, cutoff, results)
            print_outside_model(console, cutoff, results)
            print_list_targets(console, cutoff, results)


if __name__ == "__main__":
    main()
