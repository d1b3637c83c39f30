"""One past window: judge every model on it, then take a sample of its rows to learn from."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from recsvc.domain.catalogue.slates import CustomerSlate
from training.concurrency import each
from training.dataset.ground_truth import Truths, customers_to_predict
from training.dataset.history import History, Rows
from training.dataset.slate_rules import RULES
from training.dataset.windows import Window, sampled
from training.metrics.ranking_quality import Values
from training.ranking.blend import BLEND, fit_blend
from training.ranking.candidate_features import FittedCutoff, SlateRows, scene_at
from training.ranking.candidates import blocks, pool_candidates
from training.ranking.lambdarank import Variant, fit_ranker, variants_of
from training.ranking.ranked_items import RankedItems
from training.ranking.samples import Sample, chances, drawn, joined, sample_of
from training.ranking.scoring import Learned, every_score, ndcg_of, top_items, with_truth
from training.settings import TrainingSettings

_LEAST_JUDGED = 5  # customers; a window of fewer tells nothing
_LEAST_LEARNED = 30  # customers with a hit; of fewer nothing is learned

Seen = TypeVar("Seen")

Fitted = Mapping[str, Learned]
Samples = Mapping[CustomerSlate, deque[Sample]]
RankedByModel = Mapping[str, RankedItems]
Regard = Callable[[CustomerSlate, SlateRows], Seen]


@dataclass(frozen=True, slots=True)
class WindowResult:
    """`ndcg` is by slate and model, empty where nothing was judged."""

    window: Window
    lines: int
    customers: int
    ndcg: Mapping[CustomerSlate, Mapping[str, Values]] = field(default_factory=dict)

    @property
    def judged(self) -> bool:
        return bool(self.ndcg)


@dataclass(frozen=True, slots=True)
class PreparedWindow:
    """A window ready to be looked through."""

    scene: FittedCutoff
    truths: Truths
    customers: Rows  # who is looked at, ascending
    lines: int
    everybody: int  # customers with something to predict
    judged: bool


@dataclass(frozen=True, slots=True)
class BlockResult(Generic[Seen]):
    """One block of customers looked at: rows to learn from, and what was seen of each slate."""

    samples: Mapping[CustomerSlate, Sample]
    seen: Mapping[CustomerSlate, Seen]  # empty where nothing is judged


@dataclass(frozen=True, slots=True)
class Backtest:
    """Everything about one window; `samples` are of older ones, the newest last."""

    history: History
    window: Window
    place: int  # 0 is the newest
    horizon_days: float
    settings: TrainingSettings
    samples: Samples

    def through(self, *, judge: bool) -> WindowResult:
        """Go through the window; its sample joins `samples`."""
        view = self.view(judge=judge)
        ndcg = {}
        if view.judged:
            looks = self.look_through(view, self.ranked_by(view.scene))
            ndcg = _judged(looks, view.truths, view.customers)
        else:
            self.look_through(view, None)
        return WindowResult(self.window, view.lines, view.everybody, ndcg)

    def view(self, *, judge: bool) -> PreparedWindow:
        known = self.window.known(self.history)
        truths = self.window.truths(self.history)
        everybody = customers_to_predict(truths)
        judge = judge and len(everybody) >= _LEAST_JUDGED
        limit = self.settings.customers_judged if judge else self.settings.customers_compared
        rng = np.random.default_rng([self.settings.seed, self.place])
        return PreparedWindow(
            scene_at(known, self.horizon_days, self.settings.seed, self.settings.size),
            truths,
            sampled(everybody, limit, rng),
            len(known.customers),
            len(everybody),
            judge,
        )

    def ranked_by(self, scene: FittedCutoff) -> Regard[RankedByModel]:
        """Return what ranks rows by every competing model."""
        learned = self.learned(scene)

        def rank(slate: CustomerSlate, rows: SlateRows) -> RankedByModel:
            scored = every_score(scene.columns(), rows, slate, learned[slate])
            return {name: top_items(rows, scores) for name, scores in scored}

        return rank

    def learned(self, scene: FittedCutoff) -> dict[CustomerSlate, Fitted]:
        """Learn on older windows, with one seed: this is for judging only."""
        columns, settings = scene.columns(), self.settings
        samples = {slate: self.enough(slate) for slate in self.samples}
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

    def enough(self, slate: CustomerSlate) -> list[Sample]:
        """Return samples of older windows; none when they are too few to learn from."""
        limit = self.settings.customers_compared
        samples = [sample.thinned(limit) for sample in self.samples[slate]]
        customers = sum(len(sample.groups) for sample in samples)
        return samples if customers >= _LEAST_LEARNED else []

    def look_through(
        self, view: PreparedWindow, regard: Regard[Seen] | None
    ) -> list[BlockResult[Seen]]:
        """Look once at the candidates of all customers, block by block."""

        def look(block: Rows) -> BlockResult[Seen]:
            return self.look_at(view, block, regard)

        looks = each(look, blocks(view.scene.line_up, view.customers))
        if looks:  # nobody to predict for is nothing to learn from
            for slate, older in self.samples.items():
                older.append(joined([look.samples[slate] for look in looks]))
        return looks

    def look_at(
        self, view: PreparedWindow, customers: Rows, regard: Regard[Seen] | None
    ) -> BlockResult[Seen]:
        scene = view.scene
        pool = pool_candidates(scene.line_up, customers, scene.size)
        facts = None if regard is None else scene.facts_of(pool)
        samples, seen = {}, {}
        for slate in self.samples:
            rule = RULES[slate]
            here = rule.shown(pool.owned)
            part = pool.only(here)
            bought = view.truths[slate].holds(part.customers, part.items)
            chance = chances(part.customers, part.items, self.settings.seed + self.place)
            kept = drawn(part.customers, bought, rule.rows_per_customer, chance)
            if facts is None or regard is None:
                samples[slate] = sample_of(scene.rows(part, kept=kept), bought[kept])
                continue
            rows = scene.rows(part, facts=facts[here])
            samples[slate] = sample_of(rows.only(kept), bought[kept])
            seen[slate] = regard(slate, rows)
        return BlockResult(samples, seen)


def _judged(
    looks: list[BlockResult[RankedByModel]], truths: Truths, customers: Rows
) -> dict[CustomerSlate, dict[str, Values]]:
    """Return each model's NDCG per customer, for the slates that have something to find."""
    return {
        slate: {
            name: ndcg_of(truths[slate], customers, [look.seen[slate][name] for look in looks])
            for name in names
        }
        for slate, names in looks[0].seen.items()
        if len(with_truth(truths[slate], customers))
    }
