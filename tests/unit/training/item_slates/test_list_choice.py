"""The choice among the candidates of an item slate, and its summary."""

from dataclasses import replace

import numpy as np
import pytest

from training.item_slates.list_choice import (
    by_customer,
    choose_lists,
    mean_of_cases,
    slate_results,
)
from training.item_slates.maker import Candidate, CaseValues, WindowFigures
from training.metrics.item_slate_results import ListShares

CANDIDATES = (
    Candidate("backoff", "counts with category backoff"),
    Candidate("cosine", "cosine", baseline=True),
    Candidate("popular", "best sellers", baseline=True),
)


def window(**reciprocal: list[float]) -> WindowFigures:
    return {
        name: CaseValues(
            np.arange(len(values)), np.array(values), (np.array(values) >= 0.1).astype(float)
        )
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


def test_with_one_case_per_customer_the_error_is_that_of_the_mean() -> None:
    values = np.array([0.2, 0.5, 0.1, 0.9])
    found = mean_of_cases(values, np.array([4, 2, 9, 1]))

    assert found.mean == pytest.approx(values.mean())
    assert found.error == pytest.approx(values.std(ddof=1) / 2)


def test_repeated_cases_of_a_customer_do_not_lower_the_error() -> None:
    """Ten equal cases of each customer say as much as one."""
    values, customers = np.array([0.2, 0.5, 0.1, 0.9]), np.arange(4)
    once = mean_of_cases(values, customers)
    often = mean_of_cases(np.repeat(values, 10), np.repeat(customers, 10))

    assert often.error == pytest.approx(once.error)
    assert (once.cases, often.cases) == (4, 40)


def test_one_customer_gives_no_error() -> None:
    assert mean_of_cases(np.array([0.2, 0.5]), np.array([3, 3])).error == np.inf


def test_values_by_customer_have_the_mean_of_the_cases() -> None:
    """A customer with more cases has more weight."""
    found = by_customer(np.array([1.0, 1.0, 0.0]), np.array([7, 7, 3]))

    assert found.tolist() == pytest.approx([0.0, 4 / 3])
    assert found.mean() == pytest.approx(2 / 3)


def test_many_cases_of_one_customer_do_not_choose() -> None:
    """The candidate is better for one customer of two, in a hundred cases each."""
    customers = np.repeat([0, 1], 100)
    better, equal = np.repeat([0.4, 0.1], 100), np.repeat([0.1, 0.15], 100)
    figures = {
        name: CaseValues(customers, values, values)
        for name, values in (("backoff", better), ("cosine", equal), ("popular", 0 * equal))
    }

    assert choose_lists(CANDIDATES, [figures]).winner == "cosine"
