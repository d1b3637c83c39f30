"""The choice among an item slate's candidates: the publication rule of the other slates."""

from collections.abc import Sequence

import numpy as np

from training.item_slates.maker import Candidate, CaseValues, WindowFigures
from training.metrics.estimates import Mean
from training.metrics.item_slate_results import (
    CaseMean,
    ItemSlateResults,
    ListCandidate,
    ListChoice,
    ListShares,
)
from training.metrics.ranking_quality import Values, mean_of
from training.selection.publication_rule import choose, relative_quality

_TOO_SHORT = "too little history to judge by: the default lists"


def choose_lists(candidates: Sequence[Candidate], windows: Sequence[WindowFigures]) -> ListChoice:
    """Choose on past windows: a candidate that clearly beats the best baseline, else that one.

    Where a baseline that cannot be published is not clearly beaten, the best of the others is
    published all the same, and the reason says so.
    """
    if not windows:
        return ListChoice(candidates[0].name, judged=False, reason=_TOO_SHORT)
    figures = [{name: case.reciprocal for name, case in window.items()} for window in windows]
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
    gain = None if found.gain is None else _case_mean(found.gain)
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
            mean_of_cases(window[candidate.name].reciprocal)
            for window in windows
            if candidate.name in window
        ),
        None if own is None else mean_of_cases(own.reciprocal),
        None if own is None else mean_of_cases(own.hits),
        None if own is None or best is None else mean_of_cases(own.reciprocal - best.reciprocal),
        None if own is None or best is None else mean_of_cases(own.hits - best.hits),
    )


def mean_of_cases(values: Values) -> CaseMean:
    return _case_mean(mean_of(np.asarray(values, np.float64)))


def _case_mean(found: Mean) -> CaseMean:
    return CaseMean(found.mean, found.error, found.customers)
