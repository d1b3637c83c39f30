"""Backtest of one past window: measure every model on it, then sample its rows for training."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from recsvc.domain.catalogue.slates import CustomerSlate
from training.concurrency import each
from training.dataset.ground_truth import GroundTruths, customers_to_predict
from training.dataset.history import History, Rows
from training.dataset.slate_rules import RULES
from training.dataset.windows import Window, sampled
from training.metrics.ranking_quality import Values
from training.ranking.blend import BLEND, fit_blend
from training.ranking.candidate_features import FittedCutoff, SlateRows, fit_cutoff
from training.ranking.candidates import blocks, pool_candidates
from training.ranking.lambdarank import Variant, fit_ranker, variants_of
from training.ranking.ranked_items import RankedItems
from training.ranking.samples import Sample, chances, drawn, joined, sample_of
from training.ranking.scoring import (
    KEPT,
    Learned,
    every_score,
    lists_of,
    ndcg_of,
    top_items,
    with_ground_truth,
)
from training.settings import TrainingSettings

_LEAST_EVALUATED = 5  # customers; with fewer, a window is not evaluated
_LEAST_LEARNED = 30  # customers with a hit; with fewer, no model is trained

Evaluation = TypeVar("Evaluation")

Fitted = Mapping[str, Learned]
Samples = Mapping[CustomerSlate, deque[Sample]]
RankedByModel = Mapping[str, RankedItems]
RowEvaluator = Callable[[CustomerSlate, SlateRows], Evaluation]


@dataclass(frozen=True, slots=True)
class WindowResult:
    """`ndcg` is by slate and model, empty if the window was not evaluated.

    Its values are those of the customers in `judged_customers`. `lists` has their first KEPT items,
    NOTHING where there are fewer; of the newest window only.
    """

    window: Window
    lines: int
    customers: int
    ndcg: Mapping[CustomerSlate, Mapping[str, Values]] = field(default_factory=dict)
    judged_customers: Mapping[CustomerSlate, Rows] = field(default_factory=dict)
    lists: Mapping[CustomerSlate, Mapping[str, Rows]] = field(default_factory=dict)

    @property
    def judged(self) -> bool:
        return bool(self.ndcg)


@dataclass(frozen=True, slots=True)
class PreparedWindow:
    """A window with its fitted cutoff and ground truth."""

    cutoff: FittedCutoff
    ground_truths: GroundTruths
    customers: Rows  # those sampled, ascending
    lines: int
    eligible: int  # customers with something to predict
    judged: bool


@dataclass(frozen=True, slots=True)
class BlockResult(Generic[Evaluation]):
    """Samples and evaluations of one block of customers, by slate."""

    samples: Mapping[CustomerSlate, Sample]
    evaluations: Mapping[CustomerSlate, Evaluation]  # empty if the window is not evaluated


@dataclass(frozen=True, slots=True)
class Backtest:
    """Backtest of one window; `samples` are those of older windows, the newest last.

    Compared rankers learn from the newest `learning_windows` of them: the windows are averaged, so
    each must have learned from equally many. Where these have too few customers, older ones follow.
    """

    history: History
    window: Window
    place: int  # 0 is the newest
    horizon_days: float
    settings: TrainingSettings
    samples: Samples
    learning_windows: int

    def run(self, *, evaluate: bool) -> WindowResult:
        """Evaluate the window and append its sample to `samples`."""
        prepared = self.prepare(evaluate=evaluate)
        ndcg, judged_customers, lists = {}, {}, {}
        if prepared.judged:
            results = self.evaluate_blocks(prepared, self.row_ranker(prepared.cutoff))
            ndcg = _ndcg_by_slate(results, prepared.ground_truths, prepared.customers)
            judged_customers = {
                slate: with_ground_truth(prepared.ground_truths[slate], prepared.customers)
                for slate in ndcg
            }
            if self.place == 0:
                lists = _lists_by_slate(results, judged_customers)
        else:
            self.evaluate_blocks(prepared, None)
        return WindowResult(
            self.window, prepared.lines, prepared.eligible, ndcg, judged_customers, lists
        )

    def prepare(self, *, evaluate: bool) -> PreparedWindow:
        """Fit the cutoff and sample the customers; an evaluated window uses more of them."""
        known = self.window.known(self.history)
        ground_truths = self.window.ground_truths(self.history)
        eligible = customers_to_predict(ground_truths)
        evaluate = evaluate and len(eligible) >= _LEAST_EVALUATED
        limit = self.settings.customers_judged if evaluate else self.settings.customers_compared
        rng = np.random.default_rng([self.settings.seed, self.place])
        return PreparedWindow(
            fit_cutoff(
                known,
                self.horizon_days,
                self.settings.seed,
                self.settings.size,
                self.settings.constants,
            ),
            ground_truths,
            sampled(eligible, limit, rng),
            len(known.customers),
            len(eligible),
            evaluate,
        )

    def row_ranker(self, cutoff: FittedCutoff) -> RowEvaluator[RankedByModel]:
        """Return an evaluator that ranks rows by every competing model."""
        learned = self.learned(cutoff)

        def rank(slate: CustomerSlate, rows: SlateRows) -> RankedByModel:
            scored = every_score(cutoff.columns(), rows, slate, learned[slate])
            return {name: top_items(rows, scores) for name, scores in scored}

        return rank

    def learned(self, cutoff: FittedCutoff) -> dict[CustomerSlate, Fitted]:
        """Fit blend and rankers on older windows, with one seed each."""
        columns, settings = cutoff.columns(), self.settings
        samples = {slate: self.training_samples(slate) for slate in self.samples}
        jobs = [
            (slate, variant)
            for slate, some in samples.items()
            if some
            for variant in variants_of(slate)
        ]

        def fit(job: tuple[CustomerSlate, Variant]) -> Learned:
            slate, variant = job
            boosting = settings.boosting_of(slate, variant)
            return fit_ranker(variant, columns, samples[slate], boosting, (settings.seed,))

        fitted: dict[CustomerSlate, dict[str, Learned]] = {
            slate: {BLEND.name: fit_blend(columns, some)} if some else {}
            for slate, some in samples.items()
        }
        for (slate, variant), ranker in zip(jobs, each(fit, jobs), strict=True):
            fitted[slate][variant.model.name] = ranker
        return dict(fitted)

    def training_samples(self, slate: CustomerSlate) -> list[Sample]:
        """Return the samples of older windows; empty if they have too few customers."""
        limit = self.settings.customers_compared
        samples: deque[Sample] = deque()
        customers = 0
        for sample in reversed(self.samples[slate]):
            if len(samples) >= self.learning_windows and customers >= _LEAST_LEARNED:
                break
            samples.appendleft(sample.thinned(limit))
            customers += len(samples[0].groups)
        return list(samples) if customers >= _LEAST_LEARNED else []

    def evaluate_blocks(
        self, prepared: PreparedWindow, evaluate_rows: RowEvaluator[Evaluation] | None
    ) -> list[BlockResult[Evaluation]]:
        """Sample the candidates of all customers and evaluate them, block by block."""

        def evaluate(block: Rows) -> BlockResult[Evaluation]:
            return self.evaluate_block(prepared, block, evaluate_rows)

        results = each(evaluate, blocks(prepared.cutoff.base_models, prepared.customers))
        if results:  # empty when no customer has anything to predict
            for slate, older in self.samples.items():
                older.append(joined([result.samples[slate] for result in results]))
        return results

    def evaluate_block(
        self,
        prepared: PreparedWindow,
        customers: Rows,
        evaluate_rows: RowEvaluator[Evaluation] | None,
    ) -> BlockResult[Evaluation]:
        """Sample and evaluate the candidates of some customers.

        Without an evaluator, features are computed for the sampled rows only.
        """
        cutoff = prepared.cutoff
        pool = pool_candidates(cutoff.base_models, customers, cutoff.size)
        facts = None if evaluate_rows is None else cutoff.facts_of(pool)
        samples, evaluations = {}, {}
        for slate in self.samples:
            rule = RULES[slate]
            here = rule.shown(pool.owned)
            part = pool.only(here)
            bought = prepared.ground_truths[slate].holds(part.customers, part.items)
            chance = chances(part.customers, part.items, self.settings.seed + self.place)
            kept = drawn(part.customers, bought, rule.rows_per_customer, chance)
            if facts is None or evaluate_rows is None:
                samples[slate] = sample_of(cutoff.rows(part, kept=kept), bought[kept])
                continue
            rows = cutoff.rows(part, facts=facts[here])
            samples[slate] = sample_of(rows.only(kept), bought[kept])
            evaluations[slate] = evaluate_rows(slate, rows)
        return BlockResult(samples, evaluations)


def _lists_by_slate(
    results: list[BlockResult[RankedByModel]], judged: Mapping[CustomerSlate, Rows]
) -> dict[CustomerSlate, dict[str, Rows]]:
    """Return each model's lists of the judged customers."""
    return {
        slate: {
            name: lists_of(customers, [each.evaluations[slate][name] for each in results], KEPT)
            for name in results[0].evaluations[slate]
        }
        for slate, customers in judged.items()
    }


def _ndcg_by_slate(
    results: list[BlockResult[RankedByModel]], ground_truths: GroundTruths, customers: Rows
) -> dict[CustomerSlate, dict[str, Values]]:
    """Return each model's NDCG per customer, for the slates that have something to find."""
    return {
        slate: {
            name: ndcg_of(
                ground_truths[slate],
                customers,
                [result.evaluations[slate][name] for result in results],
            )
            for name in names
        }
        for slate, names in results[0].evaluations.items()
        if len(with_ground_truth(ground_truths[slate], customers))
    }
