"""Run trials on past windows, in parallel for the slates, until the budget is used."""

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

_AT_RANDOM = 8  # trials before the sampler models the results

Studies = Mapping[CustomerSlate, Study]


@dataclass(frozen=True, slots=True)
class Search:
    """`fixed` are points that each study must try, in this order."""

    cases: Cases
    studies: Studies
    fixed: Mapping[CustomerSlate, list[Point]]
    seed: int
    budget: Budget

    def run(self, progress: Progress) -> None:
        """Run trials until all fixed points are tried and the budget is used."""
        with progress.search("Tuning", self.budget.whole) as report:
            while any(self.untried(slate) for slate in self.cases) or self.budget.lasts(
                self.trials()
            ):
                started = monotonic()
                self.try_each()
                self.budget.spend(monotonic() - started)
                report(self.budget.used(self.trials()), self.status())

    def status(self) -> str:
        best = " ".join(f"{study.best_value:.3f}" for study in self.studies.values())
        return f"Tuning, {self.trials()} trials, best {best}"

    def trials(self) -> int:
        return min(len(completed(study)) for study in self.studies.values())

    def untried(self, slate: CustomerSlate) -> list[Point]:
        tried = [trial.params for trial in completed(self.studies[slate])]
        return [point for point in self.fixed[slate] if point not in tried]

    def next_slates(self) -> list[CustomerSlate]:
        """Return the slates with untried fixed points, else those with the fewest trials."""
        waiting = [slate for slate in self.cases if self.untried(slate)]
        fewest = self.trials()
        return waiting or [
            slate for slate, study in self.studies.items() if len(completed(study)) == fewest
        ]

    def try_each(self) -> None:
        """Run one trial for each of the next slates, their windows in parallel."""
        trials = {slate: self.next_trial(slate) for slate in self.next_slates()}
        jobs = [(slate, case) for slate in trials for case in self.cases[slate]]

        def evaluate(job: tuple[CustomerSlate, Case]) -> Values:
            slate, case = job
            boosting = boosting_of(trials[slate].params)
            return case.searched.ndcg(scores_of(case.older, case.searched, boosting, (self.seed,)))

        evaluated = list(zip(jobs, each(evaluate, jobs), strict=True))
        for slate, trial in trials.items():
            values = [found for (its_slate, _), found in evaluated if its_slate == slate]
            self.studies[slate].tell(trial, float(np.concatenate(values).mean()))

    def next_trial(self, slate: CustomerSlate) -> Trial:
        """Ask the sampler for a point.

        The seed depends on the number of complete trials, so an interrupted search continues as if
        it had not been interrupted.
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
    """Sum the durations of all trials, including those of earlier runs."""
    return sum(
        _duration(trial.datetime_start, trial.datetime_complete) for trial in completed(study)
    )


def _duration(start: datetime | None, end: datetime | None) -> float:
    return (end - start).total_seconds() if start and end else 0.0
