"""A digital shop made of Complete Journey: `make bench-quality ARGS='--digital'`.

Of 200,000 pairs of customer and item, each is bought once; rows have no dates and a random order.
The published `discover` lists are compared with the EASE penalty that is best on the holdout.
"""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from threadpoolctl import threadpool_limits

from recsvc.domain.catalogue.slates import CustomerSlate
from training.dataset.ground_truth import GroundTruth
from training.dataset.history import Rows
from training.dataset.holdout import by_time
from training.dataset.interactions import from_lines
from training.dataset.segments import NOTHING
from training.dataset.training_data import TrainingData, training_data_of
from training.evaluate_job import evaluate_split
from training.metrics import ranking_quality as metrics
from training.metrics.results import MAIN_K
from training.progress import Progress
from training.ranking.top_k import best_columns
from training.recommenders.ease import Ease
from training.settings import TrainingSettings
from training.sources import ingest
from training.sources.consents import AssumeGranted
from training.sources.item_catalogue import ItemCatalogue
from training.sources.purchase_files import PurchaseFiles

LINES = 200_000
LEAST_CUSTOMERS = 20  # of an item
PENALTIES = (20.0, 50.0, 100.0, 200.0, 500.0, 1500.0)
BLOCK = 250


def write_purchases(folder: Path) -> Path:
    """Write the purchases of the digital shop."""
    bought = pl.read_parquet(folder / "purchases.parquet")
    pairs = bought.unique(["customer_id", "item_id"], keep="first", maintain_order=True)
    counts = pairs.group_by("item_id").len().filter(pl.col("len") >= LEAST_CUSTOMERS)
    pairs = pairs.join(counts.select("item_id"), on="item_id", how="semi")
    path = folder / "digital.parquet"
    lines = pairs.sample(min(LINES, pairs.height), seed=3, shuffle=True)
    lines.select("customer_id", "item_id").write_parquet(path)
    return path


def measure(folder: Path, console: Console) -> None:
    request = ingest.Request(
        PurchaseFiles(str(write_purchases(folder))), {}, 0.01, datetime.now(UTC)
    )
    settings = TrainingSettings(seed=0, horizon_days=28.0)
    with Progress(console) as progress:
        whole = ingest.read_purchases(request, AssumeGranted(), (), progress)
        split = by_time(from_lines(whole.lines, timed=False), settings.horizon_days)
        evaluated = evaluate_split(split, ItemCatalogue(), settings, progress)
    data = training_data_of(split.learning.history)
    ground_truth = split.holdout.ground_truths(data.customer_items)[CustomerSlate.DISCOVER]
    ranked = evaluated.rankings.published[CustomerSlate.DISCOVER].items[:, :MAIN_K]
    known = evaluated.rankings.customers
    customers = known[ground_truth.relevant[known] > 0]
    own = ndcg(ground_truth, customers, ranked[np.searchsorted(known, customers)])
    with threadpool_limits(1, "blas"):
        found = {
            penalty: ndcg(ground_truth, customers, ease_lists(data, customers, penalty))
            for penalty in PENALTIES
        }
    best = max(found, key=lambda penalty: found[penalty].mean())
    behind = metrics.mean_of(own - found[best])
    verdict = "reached" if behind.mean >= -behind.error else "MISSED"
    console.print(
        f"digital shop, discover: {own.mean():.4f}, EASE with its best penalty {best:g} "
        f"{found[best].mean():.4f}: {behind.mean:+.4f} ± {behind.error:.4f} ({verdict})"
    )


def ease_lists(data: TrainingData, customers: Rows, penalty: float) -> Rows:
    """Rank the new items of each customer by EASE."""
    fitted, lists = Ease(penalty).fit(data), []
    for block in np.array_split(customers, -(-len(customers) // BLOCK)):
        shown = ~data.customer_items.owned(block)[:, fitted.items]
        columns = best_columns(fitted.score(block), shown, MAIN_K).columns
        lists.append(np.where(columns == NOTHING, NOTHING, fitted.items[np.maximum(columns, 0)]))
    return np.concatenate(lists)


def ndcg(ground_truth: GroundTruth, customers: Rows, lists: Rows) -> metrics.Values:
    hits = metrics.hits_of(ground_truth, customers, lists)
    return metrics.ndcg(hits, ground_truth.relevant[customers], MAIN_K)
