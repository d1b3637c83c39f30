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
from training.samples import Sample, drawn, joined, sample_of
from training.scene import Scene, scene_at, shown
from training.settings import Settings
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
        learned = {slate: self.learned(scene, slate) for slate in self.samples} if judge else None
        looks = self.look_through(scene, truths, customers, learned)
        if looks:  # nobody to predict for is nothing to learn from
            for slate, older in self.samples.items():
                older.append(joined([look.samples[slate] for look in looks]))
        ndcg = judged(looks, truths, customers) if judge else {}
        return Walked(self.window, len(known.customers), len(everybody), ndcg)

    def learned(self, scene: Scene, slate: CustomerSlate) -> Fitted:
        """Learn on older windows, with one seed: this is for judging only."""
        limit = self.settings.customers_compared
        samples = [sample.thinned(limit) for sample in self.samples[slate]]
        if sum(len(sample.groups) for sample in samples) < LEAST_LEARNED:
            return {}
        columns, boosting = scene.columns(), self.settings.boosting

        def fit(variant: Variant) -> Learned:
            return fit_ranker(variant, columns, samples, boosting, (self.settings.seed,))

        fitted: dict[str, Learned] = {BLEND.name: fit_blend(columns, samples)}
        names = [variant.model.name for variant in VARIANTS[slate]]
        return {**fitted, **dict(zip(names, each(fit, VARIANTS[slate]), strict=True))}

    def look_through(
        self,
        scene: Scene,
        truths: Truths,
        customers: Rows,
        learned: Mapping[CustomerSlate, Fitted] | None,
    ) -> list[Look]:
        """Look once at the candidates of all customers, block by block."""

        def look(numbered: tuple[int, Rows]) -> Look:
            number, block = numbered
            rng = np.random.default_rng([self.settings.seed, self.place, number])
            return self.look_at(scene, truths, block, learned, rng)

        return each(look, enumerate(blocks(scene.line_up, customers)))

    def look_at(
        self,
        scene: Scene,
        truths: Truths,
        customers: Rows,
        learned: Mapping[CustomerSlate, Fitted] | None,
        rng: np.random.Generator,
    ) -> Look:
        pool = pool_candidates(scene.line_up, customers, scene.size)
        facts = None if learned is None else scene.facts_of(pool)
        samples, rankings = {}, {}
        for slate in self.samples:
            here = shown(pool, slate)
            part = pool.only(here)
            bought = truths[slate].holds(part.customers, part.items)
            kept = drawn(part.customers, bought, self.settings.rows_per_customer, rng)
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
