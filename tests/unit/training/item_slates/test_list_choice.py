"""The choice among the candidates of an item slate, and its summary."""

from dataclasses import replace

import numpy as np

from training.item_slates.list_choice import choose_lists, slate_results
from training.item_slates.maker import Candidate, CaseValues, WindowFigures
from training.metrics.item_slate_results import ListShares

CANDIDATES = (
    Candidate("backoff", "counts with category backoff"),
    Candidate("cosine", "cosine", baseline=True),
    Candidate("popular", "best sellers", baseline=True),
)


def window(**reciprocal: list[float]) -> WindowFigures:
    return {
        name: CaseValues(np.array(values), (np.array(values) >= 0.1).astype(float))
        for name, values in reciprocal.items()
    }


BETTER = window(backoff=[0.5, 0.6, 0.5], cosine=[0.3, 0.3, 0.2], popular=[0.1, 0.0, 0.0])
CHANCE = window(backoff=[0.9, 0.0, 0.3], cosine=[0.0, 0.6, 0.3], popular=[0.1, 0.0, 0.0])


def test_a_candidate_that_clearly_beats_the_best_baseline_is_published() -> None:
    choice = choose_lists(CANDIDATES, [BETTER, BETTER])

    assert (choice.winner, choice.best_baseline) == ("backoff", "cosine")


def test_a_gain_that_may_be_chance_publishes_the_best_baseline() -> None:
    choice = choose_lists(CANDIDATES, [CHANCE])

    assert (choice.winner, choice.judged) == ("cosine", True)


def test_a_baseline_that_cannot_be_published_leaves_the_best_of_the_others() -> None:
    """The reason names it."""
    candidates = [replace(each, publishable=not each.baseline) for each in CANDIDATES]
    choice = choose_lists(candidates, [CHANCE])

    assert choice.winner == "backoff"
    assert choice.reason == "no candidate is clearly better than cosine, which cannot be published"


def test_without_a_window_the_first_candidate_is_published_unjudged() -> None:
    choice = choose_lists(CANDIDATES, [])

    assert (choice.winner, choice.judged) == ("backoff", False)


def test_the_summary_compares_with_the_winner_on_the_window_that_did_not_choose() -> None:
    """Candidates are sorted by the judging window, on which the choice may lose."""
    choice = choose_lists(CANDIDATES, [BETTER])
    judged = window(backoff=[0.2, 0.2], cosine=[0.4, 0.4], popular=[0.0, 0.0])
    found = slate_results(CANDIDATES, choice, [("March", BETTER)], ("April", judged), ListShares())
    best = found.candidates[0]

    assert (found.chosen_on, found.judged_on) == (("March",), "April")
    assert (best.name, found.choice.winner) == ("cosine", "backoff")
    assert best.versus_winner is not None
    assert best.versus_winner.mean == 0.2
    assert found.candidates[1].versus_winner is None
