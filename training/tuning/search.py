"""The search: trials on past windows, one of each slate at a time, until the budget is used up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

import numpy as np
from optuna.samplers import TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from recsvc.domain.catalogue.slates import CustomerSlate
from training.concurrency import each
from training.metrics.ranking_quality import Values
from training.progress import Progress
from training.tuning.budget import Budget
from training.tuning.cases import Case, Cases, scores_of
from training.tuning.space import SPACE, Point, boosting_of

_AT_RANDOM = 8  # trials, before the sampler has something to go by

Studies = Mapping[CustomerSlate, Study]


@dataclass(frozen=True, slots=True)
class Search:
    """`fixed` are points that each study must have tried, the first of them first."""

    cases: Cases
    studies: Studies
    fixed: Mapping[CustomerSlate, list[Point]]
    seed: int
    budget: Budget

    def through(self, progress: Progress) -> None:
        """Try until all fixed points are tried and the budget is used up."""
        with progress.search("Tuning", self.budget.whole) as told:
            while any(self.untried(slate) for slate in self.cases) or self.budget.lasts(
                self.trials()
            ):
                started = monotonic()
                self.try_each()
                self.budget.spend(monotonic() - started)
                told(self.budget.used(self.trials()), self.so_far())

    def so_far(self) -> str:
        best = " ".join(f"{study.best_value:.3f}" for study in self.studies.values())
        return f"Tuning, {self.trials()} trials, best {best}"

    def trials(self) -> int:
        return min(len(completed(study)) for study in self.studies.values())

    def untried(self, slate: CustomerSlate) -> list[Point]:
        tried = [trial.params for trial in completed(self.studies[slate])]
        return [point for point in self.fixed[slate] if point not in tried]

    def next_slates(self) -> list[CustomerSlate]:
        """Return who has fixed points to try, or else who has the fewest trials."""
        waiting = [slate for slate in self.cases if self.untried(slate)]
        fewest = self.trials()
        return waiting or [
            slate for slate, study in self.studies.items() if len(completed(study)) == fewest
        ]

    def try_each(self) -> None:
        """Make one trial of every slate that is not ahead, their windows side by side."""
        trials = {slate: self.ask(slate) for slate in self.next_slates()}
        jobs = [(slate, case) for slate in trials for case in self.cases[slate]]

        def judge(job: tuple[CustomerSlate, Case]) -> Values:
            slate, case = job
            boosting = boosting_of(trials[slate].params)
            return case.searched.ndcg(scores_of(case.older, case.searched, boosting, (self.seed,)))

        judged = list(zip(jobs, each(judge, jobs), strict=True))
        for slate, trial in trials.items():
            values = [found for (judged_slate, _), found in judged if judged_slate == slate]
            self.studies[slate].tell(trial, float(np.concatenate(values).mean()))

    def ask(self, slate: CustomerSlate) -> Trial:
        """Ask for a point. The seed goes by what is complete: a search that was killed goes on as
        if it had not been.
        """
        study = self.studies[slate]
        place = list(CustomerSlate).index(slate)
        seeds = np.random.SeedSequence([self.seed, place, len(completed(study))])
        study.sampler = TPESampler(
            n_startup_trials=_AT_RANDOM, seed=int(seeds.generate_state(1)[0])
        )
        for point in self.untried(slate)[:1]:
            study.enqueue_trial(point)
        return study.ask(dict(SPACE))


def completed(study: Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def seconds_of(study: Study) -> float:
    """Add up how long trials took, in this run and earlier ones."""
    return sum(_took(trial.datetime_start, trial.datetime_complete) for trial in completed(study))


def _took(start: datetime | None, end: datetime | None) -> float:
    return (end - start).total_seconds() if start and end else 0.0
