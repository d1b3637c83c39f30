"""Quality of offer ranking on Complete Journey: `make bench-offers`.

For each campaign that began after 2017-04-01, `evaluate-offers` ranks its coupons for the
households that redeemed one, from purchases before its start. The metric is the rank of the first
redeemed coupon. Baselines are chance, popularity, and decayed counts of purchases; differences are
paired, and their intervals resample whole campaigns.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from math import comb
from pathlib import Path
from time import monotonic

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from tests.bench.coupons import Campaign, campaigns
from training.demo.completejourney import prepare
from training.evaluate_offers_job import OffersJob, evaluate_offers
from training.progress import SILENT
from training.sources import ingest
from training.sources.consents import AssumeGranted
from training.sources.item_files import read_catalogue_file
from training.sources.purchase_files import PurchaseFiles

MUST = {"mrr": 0.487, "hit@1": 0.30, "hit@3": 0.60}
AIM = {"mrr": 0.51, "hit@1": 0.33, "hit@3": 0.63}
OURS = "evaluate-offers"
HALF_LIFE_DAYS = 90
RESAMPLES = 2000

Values = NDArray[np.float64]
MetricValues = dict[str, Values]  # (cases,) by metric


def ranked_by_trainer(folder: Path, campaign: Campaign) -> pl.DataFrame:
    """Rank with the trainer's own command; return customer_id, offer_id and rank."""
    campaign.offers.write_parquet(folder / "offers.parquet")
    campaign.customers.write_parquet(folder / "customers.parquet")
    job = OffersJob(
        request=ingest.Request(
            PurchaseFiles(str(folder / "purchases.parquet")), {}, 0.01, datetime.now(UTC)
        ),
        offers=str(folder / "offers.parquet"),
        customers=str(folder / "customers.parquet"),
        consents=AssumeGranted,
        catalogue=read_catalogue_file(folder / "items.parquet"),
        as_of=campaign.start,
        out=folder / "ranked.parquet",
    )
    evaluate_offers(job, SILENT, lambda _: None)
    return pl.read_parquet(job.out)


def ranked_by_baselines(purchases: pl.DataFrame, campaign: Campaign) -> dict[str, pl.DataFrame]:
    """Rank by popularity, and by the customer's purchases of the covered items."""
    age = pl.lit(campaign.start) - pl.col("timestamp").dt.replace_time_zone("UTC")
    earlier = purchases.with_columns(age.alias("age")).filter(pl.col("age") > pl.duration())
    days = pl.col("age").dt.total_seconds() / 86_400
    covered = earlier.with_columns((0.5 ** (days / HALF_LIFE_DAYS)).alias("weight")).join(
        campaign.offers, on="item_id"
    )
    popular = covered.group_by("offer_id").agg(pl.col("weight").sum().alias("popularity"))
    own = covered.group_by("customer_id", "offer_id").agg(pl.col("weight").sum().alias("affinity"))
    each = (
        campaign.customers.join(campaign.offers.select("offer_id").unique(), how="cross")
        .join(popular, on="offer_id", how="left")
        .join(own, on=["customer_id", "offer_id"], how="left")
        .fill_null(0.0)
    )
    return {
        "popularity": ranked_by_scores(each, "popularity"),
        "decayed counts": ranked_by_scores(each, "affinity", "popularity"),
    }


def ranked_by_scores(scored: pl.DataFrame, *scores: str) -> pl.DataFrame:
    """Rank by the scores, the greatest first, then by id."""
    ordered = scored.sort(*scores, "offer_id", descending=[*(True for _ in scores), False])
    rank = pl.int_range(1, pl.len() + 1).over("customer_id").alias("rank")
    return ordered.with_columns(rank)


def metrics_of(campaign: Campaign, ranked: pl.DataFrame) -> MetricValues:
    """Return the metrics of each household, in the order of their ids."""
    hits = campaign.redeemed.join(ranked, on=["customer_id", "offer_id"], how="inner")
    first = hits.group_by("customer_id").agg(pl.col("rank").min()).sort("customer_id")
    rank = first["rank"].to_numpy().astype(np.float64)
    if len(rank) != campaign.customers.height:
        raise ValueError(f"campaign {campaign.name}: some coupons are not ranked")
    hits_at = {f"hit@{most}": (rank <= most).astype(np.float64) for most in (1, 3)}
    return {"mrr": 1 / rank, **hits_at}


def by_chance(campaign: Campaign) -> MetricValues:
    """Return the expected metrics of a random order."""
    total = campaign.offers["offer_id"].n_unique()
    redeemed = campaign.redeemed.group_by("customer_id").len().sort("customer_id")["len"]
    found: dict[str, list[float]] = {name: [] for name in MUST}
    for count in redeemed:
        first = [comb(total - rank, count - 1) / comb(total, count) for rank in range(1, total + 1)]
        found["mrr"].append(sum(chance / rank for rank, chance in enumerate(first, 1)))
        found["hit@1"].append(first[0])
        found["hit@3"].append(sum(first[:3]))
    return {name: np.array(values) for name, values in found.items()}


def interval(difference: Values, campaign_of: NDArray[np.int64]) -> tuple[float, float]:
    """Return the middle 95 % of the mean difference over resampled campaigns."""
    sums = np.bincount(campaign_of, difference)
    sizes = np.bincount(campaign_of)
    drawn = np.random.default_rng(0).integers(0, len(sizes), (RESAMPLES, len(sizes)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def measure(folder: Path, console: Console) -> tuple[dict[str, MetricValues], NDArray[np.int64]]:
    purchases = pl.read_parquet(folder / "purchases.parquet")
    found: dict[str, list[MetricValues]] = {}
    sizes: list[int] = []
    slowest = 0.0
    for campaign in campaigns():
        started = monotonic()
        rankings = {OURS: ranked_by_trainer(folder, campaign)}
        slowest = max(slowest, monotonic() - started)
        rankings |= ranked_by_baselines(purchases, campaign)
        results = {name: metrics_of(campaign, ranked) for name, ranked in rankings.items()}
        for name, result in {**results, "chance": by_chance(campaign)}.items():
            found.setdefault(name, []).append(result)
        sizes.append(campaign.customers.height)
        console.print(
            f"campaign {campaign.name} from {campaign.start:%Y-%m-%d}: {sizes[-1]} households, "
            f"{campaign.offers['offer_id'].n_unique()} coupons, "
            f"MRR {results[OURS]['mrr'].mean():.3f}"
        )
    console.print(f"evaluate-offers: {slowest:.1f} s at most for a campaign")
    whole = {
        name: {metric: np.concatenate([part[metric] for part in parts]) for metric in MUST}
        for name, parts in found.items()
    }
    return whole, np.repeat(np.arange(len(sizes)), sizes)


def table(found: Mapping[str, MetricValues], campaign_of: NDArray[np.int64]) -> Table:
    cases, clusters = len(campaign_of), campaign_of.max() + 1
    title = f"{cases} households × campaigns in {clusters} campaigns"
    shown = Table("", *MUST, "MRR of ours − this", "95 % by campaign", title=title)
    for name, metrics in found.items():
        difference = found[OURS]["mrr"] - metrics["mrr"]
        low, high = interval(difference, campaign_of)
        means = [f"{values.mean():.3f}" for values in metrics.values()]
        apart = (
            ["–", "–"] if name == OURS else [f"{difference.mean():+.3f}", f"{low:+.3f} {high:+.3f}"]
        )
        shown.add_row(name, *means, *apart)
    for words, wanted in (("must", MUST), ("aim", AIM)):
        shown.add_row(words, *(f"{value:.3f}" for value in wanted.values()), "", "")
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="the means as JSON on stdout")
    options = parser.parse_args()
    console = Console(width=120, highlight=False, stderr=True)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        prepare(folder)
        found, campaign_of = measure(folder, console)
    (Console(stderr=True, width=120) if options.json else Console(width=120)).print(
        table(found, campaign_of)
    )
    if options.json:
        means = {
            name: {metric: float(values.mean()) for metric, values in metrics.items()}
            for name, metrics in found.items()
        }
        print(json.dumps(means))


if __name__ == "__main__":
    main()
