"""The choice among an item slate's candidates: the publication rule of the other slates."""

from collections.abc import Sequence
from math import inf, nan, sqrt

import numpy as np

from training.dataset.history import Rows
from training.item_slates.maker import Candidate, CaseValues, WindowFigures
from training.metrics.item_slate_results import (
    CaseMean,
    ItemSlateResults,
    ListCandidate,
    ListChoice,
    ListShares,
)
from training.metrics.ranking_quality import Values
from training.selection.publication_rule import choose, relative_quality

_TOO_SHORT = "too little history to judge by: the default lists"


def choose_lists(candidates: Sequence[Candidate], windows: Sequence[WindowFigures]) -> ListChoice:
    """Choose on past windows: a candidate that clearly beats the best baseline, else that one.

    Where a baseline that cannot be published is not clearly beaten, the best of the others is
    published all the same, and the reason says so.
    """
    if not windows:
        return ListChoice(candidates[0].name, judged=False, reason=_TOO_SHORT)
    figures = [
        {name: by_customer(case.reciprocal, case.customers) for name, case in window.items()}
        for window in windows
    ]
    everywhere = set.intersection(*(set(window) for window in windows))
    by_name = {each.name: each for each in candidates}
    baselines = [each.name for each in candidates if each.baseline and each.name in everywhere]
    found = choose(figures, baselines)
    base = by_name[found.best_simple or found.winner]
    winner, reason = found.winner, _REASONS[found.reason].format(base.title)
    if not by_name[winner].publishable:
        relative = relative_quality(figures)
        can = [name for name in relative if name in everywhere and by_name[name].publishable]
        winner = max(can, key=lambda name: relative[name])
        reason = f"{reason}, which cannot be published"
    cases = sum(len(next(iter(window.values())).reciprocal) for window in windows)
    gain = None if found.gain is None else CaseMean(found.gain.mean, found.gain.error, cases)
    return ListChoice(winner, judged=True, reason=reason, best_baseline=base.name, gain=gain)


_REASONS = {
    "no model could be learned": "nothing else competes with {}",
    "the learned model loses to it in a window": "the best candidate loses to {} in a window",
    "clearly better than the best simple model": "clearly better than {}",
    "the learned model is not clearly better": "no candidate is clearly better than {}",
}


def slate_results(
    candidates: Sequence[Candidate],
    choice: ListChoice,
    chosen_on: Sequence[tuple[str, WindowFigures]],
    judged_on: tuple[str, WindowFigures] | None,
    shares: ListShares,
) -> ItemSlateResults:
    """Summarize all candidates, the best first: by the judging window, else by the windows."""
    judged = None if judged_on is None else judged_on[1]
    windows = [figures for _, figures in chosen_on]
    found = [_candidate(each, choice.winner, windows, judged) for each in candidates]
    return ItemSlateResults(
        choice,
        tuple(name for name, _ in chosen_on),
        None if judged_on is None else judged_on[0],
        tuple(sorted(found, key=lambda each: -_quality(each))),
        shares,
    )


def _quality(candidate: ListCandidate) -> float:
    if candidate.mrr is not None:
        return candidate.mrr.mean
    return sum(each.mean for each in candidate.windows)


def _candidate(
    candidate: Candidate,
    winner: str,
    windows: Sequence[WindowFigures],
    judged: WindowFigures | None,
) -> ListCandidate:
    own = None if judged is None else judged.get(candidate.name)
    best: CaseValues | None = None
    if judged is not None and candidate.name != winner:
        best = judged[winner]
    return ListCandidate(
        candidate.name,
        candidate.title,
        candidate.baseline,
        tuple(
            mean_of_cases(window[candidate.name].reciprocal, window[candidate.name].customers)
            for window in windows
            if candidate.name in window
        ),
        None if own is None else mean_of_cases(own.reciprocal, own.customers),
        None if own is None else mean_of_cases(own.hits, own.customers),
        *_differences(own, best),
    )


def _differences(
    own: CaseValues | None, best: CaseValues | None
) -> tuple[CaseMean | None, CaseMean | None]:
    """Return the differences in MRR and in hit@10, on the same cases."""
    if own is None or best is None:
        return None, None
    return (
        mean_of_cases(own.reciprocal - best.reciprocal, own.customers),
        mean_of_cases(own.hits - best.hits, own.customers),
    )


def by_customer(values: Values, customers: Rows) -> Values:
    """Return one value for each customer, so that their mean is the mean over cases."""
    _, of_case = np.unique(customers, return_inverse=True)
    sums = np.bincount(of_case, values)
    return np.asarray(sums * (len(sums) / max(len(values), 1)))


def mean_of_cases(values: Values, customers: Rows) -> CaseMean:
    """Return the mean over cases; its standard error is that of customers drawn at random.

    The error is clustered (Liang, Zeger 1986): infinite for fewer than two customers.
    """
    if not len(values):
        return CaseMean(nan, nan, 0)
    mean = float(values.mean())
    _, of_case = np.unique(customers, return_inverse=True)
    sums = np.bincount(of_case, values - mean)
    if len(sums) < 2:
        return CaseMean(mean, inf, len(values))
    spread = len(sums) / (len(sums) - 1) * float((sums**2).sum())
    return CaseMean(mean, sqrt(spread) / len(values), len(values))
