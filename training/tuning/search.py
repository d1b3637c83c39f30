"""The search: trials on past windows, one of each slate at a time, until the budget is used up.

Takes a History and sees nothing after its end, as learning does. The defaults are the first trial.
They stand unless the best trial beats them by more than one standard error, paired and pooled over
the windows, for customers and seeds that the search has not seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from time import monotonic

import numpy as np
from optuna.samplers import TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from recsvc.domain.slates import CustomerSlate
from training.findings import Mean, SearchedSlate, Tuning
from training.history import History
from training.metrics import Values, mean_of
from training.parallel import each
from training.progress import Progress
from training.ranker import Boosting
from training.settings import Searched, Settings
from training.tuning.budget import Budget
from training.tuning.cases import Case, Cases, gather_cases, scores_of
from training.tuning.journal import fingerprint, open_studies
from training.tuning.space import SPACE, Point, boosting_of, point_of

AT_RANDOM = 8  # trials, before the sampler has something to go by

Studies = Mapping[CustomerSlate, Study]


@dataclass(frozen=True, slots=True)
class Tuned:
    """`tuning` is None where nothing was searched with."""

    settings: Settings
    tuning: Tuning | None


class Tuner:
    """Searches once for each training of a run, all within one budget.

    What one training found is tried by the next, which has fewer rows: somebody has withdrawn.
    """

    __slots__ = ("_budget", "_folder", "_proposed")

    def __init__(self, folder: Path, budget: Budget) -> None:
        self._folder = folder
        self._budget = budget
        self._proposed: dict[CustomerSlate, list[Point]] = {}

    def tune(self, history: History, settings: Settings, progress: Progress) -> Tuned:
        """Return the settings to train with; trials go on where an earlier run has stopped."""
        cases = gather_cases(history, settings, progress)
        if not cases:
            return Tuned(settings, Tuning(0.0, {}))
        studies = open_studies(self._folder, fingerprint(history, settings), list(cases))
        fixed = {
            slate: [point_of(settings.boosting), *self._proposed.get(slate, ())] for slate in cases
        }
        Search(cases, studies, fixed, settings.seed, self._budget).through(progress)
        with progress.step("Confirming what was found", len(cases)) as advance:
            found = {}
            for slate, study in studies.items():
                found[slate] = decide(study, cases[slate], settings)
                advance()
        for slate, decision in found.items():
            self._proposed[slate] = [point_of(decision.boosting)]
        return tuned(settings, studies, found)


def search(tuner: Tuner | None, history: History, settings: Settings, progress: Progress) -> Tuned:
    """Search if there is something to search with; else the settings stand."""
    return Tuned(settings, None) if tuner is None else tuner.tune(history, settings, progress)


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
                told(self.budget.used(self.trials()), f"Tuning, {self.trials()} trials")

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
        study.sampler = TPESampler(n_startup_trials=AT_RANDOM, seed=int(seeds.generate_state(1)[0]))
        for point in self.untried(slate)[:1]:
            study.enqueue_trial(point)
        return study.ask(dict(SPACE))


def completed(study: Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


@dataclass(frozen=True, slots=True)
class Decision:
    """`gain` is the best trial's over the defaults; null where no trial was better."""

    boosting: Boosting
    gain: Mean | None


def decide(study: Study, cases: list[Case], settings: Settings) -> Decision:
    """Confirm the best trial, or let the defaults stand."""
    best = boosting_of(max(completed(study), key=lambda trial: trial.value or 0.0).params)
    if best == settings.boosting:
        return Decision(best, None)
    seeds = [settings.seed + 1 + extra for extra in range(settings.final_seeds)]

    def confirm(job: tuple[Case, Boosting]) -> Values:
        case, boosting = job
        return case.confirmed.ndcg(scores_of(case.older, case.confirmed, boosting, seeds))

    jobs = [(case, boosting) for boosting in (best, settings.boosting) for case in cases]
    values = each(confirm, jobs)
    ours, defaults = values[: len(cases)], values[len(cases) :]
    gain = mean_of(np.concatenate(ours) - np.concatenate(defaults))
    return Decision(best if gain.mean > gain.error else settings.boosting, gain)


def tuned(settings: Settings, studies: Studies, found: Mapping[CustomerSlate, Decision]) -> Tuned:
    trials = {slate: len(completed(study)) for slate, study in studies.items()}
    searched = {
        slate: Searched(decision.boosting, trials[slate]) for slate, decision in found.items()
    }
    slates = {
        str(slate): SearchedSlate(
            trials[slate], decision.boosting != settings.boosting, decision.gain
        )
        for slate, decision in found.items()
    }
    minutes = max(seconds_of(study) for study in studies.values()) / 60
    return Tuned(replace(settings, searched=searched), Tuning(minutes, slates))


def seconds_of(study: Study) -> float:
    """Add up how long trials took, in this run and earlier ones."""
    return sum(took(trial.datetime_start, trial.datetime_complete) for trial in completed(study))


def took(start: datetime | None, end: datetime | None) -> float:
    return (end - start).total_seconds() if start and end else 0.0
