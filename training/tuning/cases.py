"""Cases for the settings search: per slate and past window, training rows and evaluation rows.

Cases are expensive to build and used in every trial, so they are built once and kept binned by
LightGBM (one byte per value). The customers of a window are split in two halves: the search uses
one, and its result is confirmed on the other, because the best of many trials is partly luck.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recsvc.domain.catalogue.slates import CustomerSlate
from training.concurrency import each
from training.dataset.ground_truth import GroundTruth
from training.dataset.history import History, Rows
from training.dataset.segments import run_lengths
from training.dataset.windows import plan_windows
from training.metrics.ranking_quality import Values
from training.metrics.results import MAIN_K
from training.progress import Progress
from training.ranking.candidate_features import SlateRows
from training.ranking.lambdarank import THREADS, Boosting
from training.ranking.lightgbm_alone import lgb
from training.ranking.ranked_items import best_items
from training.ranking.samples import Sample, joined
from training.ranking.scoring import ndcg_of, with_ground_truth
from training.selection.backtest import Backtest, BlockResult, PreparedWindow
from training.selection.model_selection import (
    customers_compared,
    empty_samples,
    ranked_slates,
    share_of_repeats,
)
from training.settings import TrainingSettings

Scores = NDArray[np.float64]
Halves = tuple[SlateRows, SlateRows]


@dataclass(frozen=True, slots=True)
class Half:
    """The binned candidates of one half of the customers, and their purchases."""

    data: lgb.Dataset
    customers: Rows  # (rows,)
    items: Rows  # (rows,)
    judged: Rows  # (customers,) ascending, with something to find
    ground_truth: GroundTruth

    def ndcg(self, scores: Scores) -> Values:
        """Return the NDCG of each evaluated customer."""
        ranked = best_items(self.customers, self.items, scores, MAIN_K)
        return ndcg_of(self.ground_truth, self.judged, [ranked])


@dataclass(frozen=True, slots=True)
class Case:
    older: lgb.Dataset
    searched: Half
    confirmed: Half


Cases = Mapping[CustomerSlate, list[Case]]


def scores_of(older: lgb.Dataset, half: Half, boosting: Boosting, seeds: Sequence[int]) -> Scores:
    """Train like a published ranker and return the mean scores of several seeds."""
    return np.asarray(np.mean([scored(older, half, boosting, seed) for seed in seeds], axis=0))


def scored(older: lgb.Dataset, half: Half, boosting: Boosting, seed: int) -> Scores:
    booster = lgb.Booster({**boosting.parameters(seed), "metric": "none"}, older)
    booster.add_valid(half.data, "half")
    for _ in range(boosting.rounds):
        booster.update()
    found: list[Scores] = []

    def keep(scores: Scores, _: lgb.Dataset) -> tuple[str, float, bool]:
        found.append(scores.copy())
        return "kept", 0.0, True

    booster.eval_valid(keep)  # the only access to the scores of binned rows
    return found[0]


def gather_cases(history: History, settings: TrainingSettings, progress: Progress) -> Cases:
    """Run the past windows as model selection does, with fewer customers, because the rows of all
    slates and windows stay in memory. A slate without enough rows has no case.
    """
    settings = replace(settings, customers_judged=settings.customers_compared)
    plan = plan_windows(
        history, settings.horizon_days, settings.judged_windows, settings.older_windows
    )
    slates = ranked_slates(share_of_repeats(history))
    samples = empty_samples(slates)
    compared = customers_compared(history, plan, settings)
    cases: dict[CustomerSlate, list[Case]] = {slate: [] for slate in slates}
    with progress.step("Preparing to tune", len(plan.windows)) as advance:
        for place, window in plan.oldest_first():
            backtest = Backtest(
                compared,
                window,
                place,
                plan.horizon_days,
                settings,
                samples,
                plan.learning_windows,
            )
            for slate, case in _cases_of(backtest, evaluate=place < plan.judged).items():
                cases[slate].append(case)
            advance()
    return {slate: some for slate, some in cases.items() if some}


def _cases_of(backtest: Backtest, *, evaluate: bool) -> dict[CustomerSlate, Case]:
    prepared = backtest.prepare(evaluate=evaluate)
    if not prepared.judged:
        backtest.evaluate_blocks(prepared, None)
        return {}
    older = {slate: backtest.training_samples(slate) for slate in backtest.samples}
    results = backtest.evaluate_blocks(prepared, _in_halves)

    def make(slate: CustomerSlate) -> Case | None:
        return _case_of(prepared, slate, older[slate], results, backtest.settings.boosting)

    made = zip(older, each(make, older), strict=True)
    return {slate: case for slate, case in made if case is not None}


def _in_halves(_: CustomerSlate, rows: SlateRows) -> Halves:
    even = rows.customers % 2 == 0
    return rows.only(even), rows.only(~even)


def _case_of(
    prepared: PreparedWindow,
    slate: CustomerSlate,
    older: list[Sample],
    results: list[BlockResult[Halves]],
    boosting: Boosting,
) -> Case | None:
    if not older:
        return None
    data = binned(joined(older), boosting)
    ground_truth = prepared.ground_truths[slate]
    judged = with_ground_truth(ground_truth, prepared.customers)
    halves = [
        half_of(
            [result.evaluations[slate][odd] for result in results],
            judged[judged % 2 == odd],
            ground_truth,
            data,
        )
        for odd in range(2)
    ]
    searched, confirmed = halves
    return Case(data, searched, confirmed) if searched and confirmed else None


def binned(sample: Sample, boosting: Boosting) -> lgb.Dataset:
    """Bin all features, because the searched ranker uses all of them."""
    parameters = boosting.parameters(seed=0)
    data = lgb.Dataset(sample.features, sample.labels, group=sample.groups, params=parameters)
    return data.construct()


def half_of(
    blocks: list[SlateRows], judged: Rows, ground_truth: GroundTruth, older: lgb.Dataset
) -> Half | None:
    blocks = [rows for rows in blocks if len(rows)]
    if not blocks or not len(judged):
        return None
    customers = np.concatenate([rows.customers for rows in blocks])
    items = np.concatenate([rows.items for rows in blocks])
    data = lgb.Dataset(
        [rows.features for rows in blocks],
        ground_truth.holds(customers, items).astype(np.int8),
        group=run_lengths(customers),
        reference=older,
        # Sparse bins have one buffer per thread of the process-wide count, which every call sets.
        # `get_params` omits the count, and then concurrent calls crash.
        params={**older.get_params(), "num_threads": THREADS},
    )
    return Half(data.construct(), customers, items, judged, ground_truth)
