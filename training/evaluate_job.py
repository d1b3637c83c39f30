"""`recsvc-train evaluate`: train on purchases, rank for the holdout's customers, measure.

Nothing is learned from the holdout, not even its time span. Training takes the purchases, ranking
takes the ids of the holdout's customers, and only then are their purchases read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from recsvc.domain.catalogue.slates import CustomerSlate
from training.atomic_files import writable, write_files
from training.concurrency import trim_memory
from training.dataset.ground_truth import GroundTruths
from training.dataset.history import Rows
from training.dataset.holdout import Split, by_time, given
from training.dataset.interactions import Interactions
from training.dataset.slate_rules import OF_ALL_ITEMS
from training.errors import NotPublishable
from training.evaluation.holdout_rankings import HoldoutRankings, rank_customers
from training.evaluation.holdout_results import holdout_sample, measure
from training.evaluation.popular_list import leaf_codes, measure_popular
from training.evaluation.predictions_file import predictions
from training.evaluation.training_results import results_of
from training.evaluation.warm_start import LeftOut, measure_warm_start
from training.item_slates.judging import fit_item_slates
from training.item_slates.maker import ItemData
from training.item_slates.makers import makers_of
from training.metrics.results import MAIN_K, Results
from training.metrics.warm_start_results import WarmStart
from training.pipeline import sorted_purchases
from training.progress import Progress
from training.report.page import render
from training.selection.constants_search import search_constants
from training.selection.model_selection import select_models
from training.settings import TrainingSettings
from training.sources import ingest
from training.sources.consents import ConsentSource
from training.sources.ingest_report import IngestReport
from training.sources.item_catalogue import ItemCatalogue
from training.sources.purchase_source import PurchaseSource
from training.tuning.tuner import Tuner, search


@dataclass(frozen=True, slots=True)
class EvaluationJob:
    """`holdout`: the source of the held-out purchases; None splits by time.

    `leave_out`: customers that are measured outside the model; empty takes a sample.
    """

    request: ingest.Request
    holdout: PurchaseSource | None
    consents: ConsentSource
    catalogue: ItemCatalogue
    settings: TrainingSettings
    out: Path
    tuner: Tuner | None = None
    leave_out: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class EvaluatedSplit:
    split: Split
    rankings: HoldoutRankings
    results: Results
    settings: TrainingSettings  # including searched parameters


def evaluate(
    job: EvaluationJob, progress: Progress, on_ingest: Callable[[IngestReport], None]
) -> Results:
    """Write metrics.json, predictions.parquet and report.html."""
    out, reports = writable(job.out), list[IngestReport]()

    def collect(report: IngestReport) -> None:
        reports.append(report)
        on_ingest(report)

    split = read_split(job, progress, collect)
    evaluated = evaluate_split(
        split, job.catalogue, job.settings, progress, job.tuner, job.leave_out
    )
    _write(evaluated, reports, out)
    return evaluated.results


def read_split(
    job: EvaluationJob, progress: Progress, on_ingest: Callable[[IngestReport], None]
) -> Split:
    permission, sensitive = job.consents(), job.catalogue.sensitive
    purchases = ingest.read_purchases(job.request, permission, sensitive, progress)
    on_ingest(purchases.report)
    interactions = sorted_purchases(purchases, job.catalogue, progress)
    if job.holdout is None:
        return _automatic(interactions, job.settings.horizon_days)
    request = replace(job.request, source=job.holdout)
    held_out = ingest.read_purchases(request, permission, sensitive, progress)
    on_ingest(held_out.report)
    return given(interactions, held_out)


def _automatic(interactions: Interactions, horizon_days: float) -> Split:
    """Hold out the last purchases; raise if no customer has earlier ones too."""
    split = by_time(interactions, horizon_days)
    if not len(split.holdout.known_customers):
        raise NotPublishable(
            "no holdout is possible: no customer has purchases both before and within the last "
            "stretch of these. Give later purchases with --holdout",
            code="no_holdout",
        )
    return split


def evaluate_split(
    split: Split,
    catalogue: ItemCatalogue,
    settings: TrainingSettings,
    progress: Progress,
    tuner: Tuner | None = None,
    leave_out: Sequence[str] = (),
) -> EvaluatedSplit:
    # One BLAS thread: with more, the last bits depend on how many there are.
    with threadpool_limits(1, "blas"):
        learning, holdout = split.learning, split.holdout
        left_out = LeftOut.among(leave_out, learning.customer_ids) if leave_out else None
        searched = search_constants(learning.history, settings, progress)
        settings = replace(settings, constants=searched.constants)
        tuned = search(tuner, learning.history, settings, progress)
        settings = tuned.settings
        selected = select_models(learning.history, settings, progress)
        trim_memory()
        rankings = rank_customers(selected, holdout.known_customers, progress)
        with progress.step("Measuring on the holdout", 2) as advance:
            found = measure(selected, rankings, holdout, settings.seed)
            advance()
            ground_truths = holdout.ground_truths(
                selected.cutoff.base_models.training_data.customer_items
            )
            warm = _warm_start(learning, ground_truths, rankings, settings, left_out)
        data = ItemData(learning, catalogue)
        with progress.step("Lists of items"):
            item_slates = fit_item_slates(makers_of(data), data, settings, holdout.orders)
        results = replace(
            results_of(learning, selected, settings),
            holdout=found,
            item_slates=item_slates.results,
            popular=measure_popular(
                learning.history,
                ground_truths[OF_ALL_ITEMS],
                leaf_codes(learning.item_ids, catalogue.categories),
                settings.k_anonymity,
                "the holdout",
            ),
            warm_start=warm,
            tuning=tuned.tuning,
            constants=searched.searched,
        )
        return EvaluatedSplit(split, rankings, results, settings)


def _warm_start(
    learning: Interactions,
    ground_truths: GroundTruths,
    rankings: HoldoutRankings,
    settings: TrainingSettings,
    left_out: LeftOut | None,
) -> tuple[WarmStart, ...]:
    return measure_warm_start(
        learning.history,
        learning.item_ids,
        ground_truths,
        settings,
        known=_published_ndcg(rankings, ground_truths, settings.seed),
        left_out=left_out,
    )


def _published_ndcg(
    rankings: HoldoutRankings, ground_truths: GroundTruths, seed: int
) -> dict[CustomerSlate, dict[int, float]]:
    """Return the published model's NDCG by slate and customer."""
    found = {}
    for slate, lists in rankings.published.items():
        ground_truth = ground_truths[slate]
        judged: Rows = rankings.customers[ground_truth.relevant[rankings.customers] > 0]
        sample = holdout_sample(
            ground_truth, judged, np.searchsorted(rankings.customers, judged), seed
        )
        values = sample.ndcg(lists.items[:, :MAIN_K])
        found[slate] = dict(zip(judged.tolist(), values.tolist(), strict=True))
    return found


def _write(evaluated: EvaluatedSplit, reports: Sequence[IngestReport], out: Path) -> None:
    results, parameters = evaluated.results, evaluated.settings.as_parameters()
    page = render(results, read=reports, parameters=parameters)
    table = predictions(evaluated.split, evaluated.rankings)
    write_files(
        out,
        {
            "metrics.json": lambda file: file.write_bytes(results.as_bytes()),
            "predictions.parquet": table.write_parquet,
            "report.html": lambda file: file.write_text(page, encoding="utf-8"),
        },
    )
