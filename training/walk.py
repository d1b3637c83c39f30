"""One past window: judge every model on it, then take a sample of its rows to learn from."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from recsvc.domain.slates import CustomerSlate
from training.blend import BLEND, fit_blend
from training.candidates import blocks, pool_candidates
from training.history import History, Rows
from training.judging import Learned, Ranking, every_score, first_of, ndcg_of, with_truth
from training.metrics import Values
from training.parallel import each
from training.ranker import VARIANTS, Variant, fit_ranker
from training.samples import Sample, chances, drawn, joined, sample_of
from training.scene import Scene, scene_at, shown
from training.settings import ROWS_PER_CUSTOMER, Settings
from training.truth import Truths
from training.windows import Window, sampled

LEAST_JUDGED = 5  # customers; a window of fewer tells nothing
LEAST_LEARNED = 30  # customers with a hit; of fewer nothing is learned

Fitted = Mapping[str, Learned]
Samples = Mapping[CustomerSlate, deque[Sample]]


@dataclass(frozen=True, slots=True)
class Walked:
    """`ndcg` is by slate and model, empty where nothing was judged."""

    window: Window
    lines: int
    customers: int
    ndcg: Mapping[CustomerSlate, Mapping[str, Values]] = field(default_factory=dict)

    @property
    def judged(self) -> bool:
        return bool(self.ndcg)


@dataclass(frozen=True, slots=True)
class Look:
    """One block of customers looked at: rows to learn from, and rankings by slate and model."""

    samples: Mapping[CustomerSlate, Sample]
    rankings: Mapping[CustomerSlate, Mapping[str, Ranking]]


@dataclass(frozen=True, slots=True)
class Walk:
    """Everything about one window; `samples` are of older ones, the newest last."""

    history: History
    window: Window
    place: int  # 0 is the newest
    horizon_days: float
    settings: Settings
    samples: Samples

    def through(self, *, judge: bool) -> Walked:
        """Go through the window; its sample joins `samples`."""
        known = self.window.known(self.history)
        truths = self.window.truths(self.history)
        everybody = truths[CustomerSlate.FOR_YOU].customers
        judge = judge and len(everybody) >= LEAST_JUDGED
        scene = scene_at(known, self.horizon_days, self.settings.seed, self.settings.size)
        limit = self.settings.customers_judged if judge else self.settings.customers_compared
        customers = sampled(
            everybody, limit, np.random.default_rng([self.settings.seed, self.place])
        )
        learned = self.learned(scene) if judge else None
        looks = self.look_through(scene, truths, customers, learned)
        if looks:  # nobody to predict for is nothing to learn from
            for slate, older in self.samples.items():
                older.append(joined([look.samples[slate] for look in looks]))
        ndcg = judged(looks, truths, customers) if judge else {}
        return Walked(self.window, len(known.customers), len(everybody), ndcg)

    def learned(self, scene: Scene) -> dict[CustomerSlate, Fitted]:
        """Learn on older windows, with one seed: this is for judging only."""
        columns, settings = scene.columns(), self.settings
        samples = {slate: self.enough(slate) for slate in self.samples}
        jobs = [
            (slate, variant)
            for slate, some in samples.items()
            if some
            for variant in VARIANTS[slate]
        ]

        def fit(job: tuple[CustomerSlate, Variant]) -> Learned:
            slate, variant = job
            return fit_ranker(variant, columns, samples[slate], settings.boosting, (settings.seed,))

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
        return samples if customers >= LEAST_LEARNED else []

    def look_through(
        self,
        scene: Scene,
        truths: Truths,
        customers: Rows,
        learned: Mapping[CustomerSlate, Fitted] | None,
    ) -> list[Look]:
        """Look once at the candidates of all customers, block by block."""

        def look(block: Rows) -> Look:
            return self.look_at(scene, truths, block, learned)

        return each(look, blocks(scene.line_up, customers))

    def look_at(
        self,
        scene: Scene,
        truths: Truths,
        customers: Rows,
        learned: Mapping[CustomerSlate, Fitted] | None,
    ) -> Look:
        pool = pool_candidates(scene.line_up, customers, scene.size)
        facts = None if learned is None else scene.facts_of(pool)
        samples, rankings = {}, {}
        for slate in self.samples:
            here = shown(pool, slate)
            part = pool.only(here)
            bought = truths[slate].holds(part.customers, part.items)
            chance = chances(part.customers, part.items, self.settings.seed + self.place)
            kept = drawn(part.customers, bought, ROWS_PER_CUSTOMER[slate], chance)
            if facts is None or learned is None:
                samples[slate] = sample_of(scene.rows(part, kept=kept), bought[kept])
                continue
            rows = scene.rows(part, facts=facts[here])
            samples[slate] = sample_of(rows.only(kept), bought[kept])
            rankings[slate] = {
                name: first_of(rows, scores)
                for name, scores in every_score(scene.columns(), rows, slate, learned[slate])
            }
        return Look(samples, rankings)


def judged(
    looks: list[Look], truths: Truths, customers: Rows
) -> dict[CustomerSlate, dict[str, Values]]:
    """Return each model's NDCG per customer, for the slates that have something to find."""
    return {
        slate: {
            name: ndcg_of(truths[slate], customers, [look.rankings[slate][name] for look in looks])
            for name in names
        }
        for slate, names in looks[0].rankings.items()
        if len(with_truth(truths[slate], customers))
    }
