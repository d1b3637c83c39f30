"""Search settings on past windows, and confirm them before a training uses them.

The search takes a History and sees nothing after its end. The defaults are the first trial. They
are replaced only if the best trial beats them by more than one standard error, paired and pooled
over the windows, for customers and seeds that the search did not use.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from optuna.study import Study

from recsvc.domain.catalogue.slates import CustomerSlate
from training.concurrency import each
from training.dataset.history import History
from training.metrics.estimates import Mean
from training.metrics.ranking_quality import Values, mean_of
from training.metrics.search_results import SearchedSlate, Tuning
from training.progress import Progress
from training.ranking.lambdarank import Boosting
from training.settings import Searched, TrainingSettings
from training.tuning.budget import Budget
from training.tuning.cases import Case, gather_cases, scores_of
from training.tuning.journal import fingerprint, open_studies
from training.tuning.search import Search, Studies, completed, seconds_of
from training.tuning.space import Point, boosting_of, point_of


@dataclass(frozen=True, slots=True)
class Tuned:
    """`tuning` is None without a search."""

    settings: TrainingSettings
    tuning: Tuning | None


class Tuner:
    """Runs one search per training of a run, within one budget.

    The result of one training is tried by the next, which has fewer rows because customers
    withdrew.
    """

    __slots__ = ("_budget", "_folder", "_proposed")

    def __init__(self, folder: Path, budget: Budget) -> None:
        self._folder = folder
        self._budget = budget
        self._proposed: dict[CustomerSlate, list[Point]] = {}

    def tune(self, history: History, settings: TrainingSettings, progress: Progress) -> Tuned:
        """Return the settings to train with; trials of an earlier run are continued."""
        cases = gather_cases(history, settings, progress)
        if not cases:
            return Tuned(settings, Tuning(0.0, {}))
        studies = open_studies(self._folder, fingerprint(history, settings), list(cases))
        fixed = {
            slate: [point_of(settings.boosting), *self._proposed.get(slate, ())] for slate in cases
        }
        Search(cases, studies, fixed, settings.seed, self._budget).run(progress)
        with progress.step("Confirming what was found", len(cases)) as advance:
            found = {}
            for slate, study in studies.items():
                found[slate] = decide(study, cases[slate], settings)
                advance()
        for slate, decision in found.items():
            self._proposed[slate] = [point_of(decision.boosting)]
        return _tuned(settings, studies, found)


def search(
    tuner: Tuner | None, history: History, settings: TrainingSettings, progress: Progress
) -> Tuned:
    """Search with the tuner; return the settings unchanged without one."""
    if tuner is None:
        return Tuned(settings, None)
    return tuner.tune(history, settings, progress)


@dataclass(frozen=True, slots=True)
class TuningDecision:
    """`gain` is the best trial's gain over the defaults; None if no trial was better."""

    boosting: Boosting
    gain: Mean | None


def decide(study: Study, cases: list[Case], settings: TrainingSettings) -> TuningDecision:
    """Confirm the best trial, or keep the defaults."""
    best = boosting_of(max(completed(study), key=lambda trial: trial.value or 0.0).params)
    if best == settings.boosting:
        return TuningDecision(best, None)
    seeds = [settings.seed + 1 + extra for extra in range(settings.final_seeds)]

    def confirm(job: tuple[Case, Boosting]) -> Values:
        case, boosting = job
        return case.confirmed.ndcg(scores_of(case.older, case.confirmed, boosting, seeds))

    jobs = [(case, boosting) for boosting in (best, settings.boosting) for case in cases]
    values = each(confirm, jobs)
    ours, defaults = values[: len(cases)], values[len(cases) :]
    gain = mean_of(np.concatenate(ours) - np.concatenate(defaults))
    return TuningDecision(best if gain.mean > gain.error else settings.boosting, gain)


def _tuned(
    settings: TrainingSettings, studies: Studies, found: Mapping[CustomerSlate, TuningDecision]
) -> Tuned:
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
