"""Figures with values known by hand."""

import numpy as np
import pytest
from scipy import sparse

from recsvc.domain.slates import CustomerSlate
from training.metrics import hits_of, judge, mean_and_error
from training.ranking import NOTHING, best, shown_by
from training.selection import winner


def test_ndcg_recall_and_hit_rate_by_hand() -> None:
    """Found at the first and third of three ranks, of three that could be found."""
    hits = np.array([[True, False, True]])
    judgement = judge(hits, np.array([3]))
    ideal = 1 + 1 / np.log2(3) + 1 / np.log2(4)

    assert judgement.ndcg[0] == pytest.approx((1 + 1 / np.log2(4)) / ideal)
    assert judgement.recall[0] == pytest.approx(2 / 3)
    assert judgement.hit[0] == 1.0


def test_a_customer_with_nothing_to_find_is_not_judged() -> None:
    """No truth is no failure."""
    judgement = judge(np.zeros((1, 3), dtype=bool), np.array([0]))

    assert np.isnan([judgement.ndcg[0], judgement.recall[0], judgement.hit[0]]).all()
    assert np.isnan(mean_and_error(judgement.ndcg)).all()


def test_hits_are_looked_up_by_row() -> None:
    """Another row's truth, and the fill of a short list, are no hits."""
    truth = sparse.csr_array(np.array([[0, 1, 0], [1, 0, 0]], dtype=np.float32))
    top = np.array([[1, 0, -1], [1, 0, -1]], dtype=np.int32)

    assert hits_of(top, truth).tolist() == [[True, False, False], [False, True, False]]


@pytest.mark.parametrize("items", [1, 5, 200, 5000])
@pytest.mark.parametrize("k", [1, 10, 100])
def test_the_best_are_those_of_a_full_sort(items: int, k: int) -> None:
    """The short cut through groups finds the same scores as sorting everything."""
    scores = np.random.default_rng(items * k).random((7, items), dtype=np.float32)
    top = best(scores, None, k)
    full = np.argsort(-scores, axis=1, kind="stable")[:, :k]

    assert top.items.tolist() == full.tolist()


def test_what_a_slate_may_not_show_is_dropped_not_ranked_low() -> None:
    """`discover` shows nothing of one's own and `buy_again` nothing else; lists may be short."""
    scores = np.array([[3.0, 2.0, 1.0]], dtype=np.float32)
    own = np.array([[True, False, False]])
    tops = {slate: best(scores, shown_by(slate, own), 3) for slate in CustomerSlate}

    assert tops[CustomerSlate.FOR_YOU].items.tolist() == [[0, 1, 2]]
    assert tops[CustomerSlate.DISCOVER].items.tolist() == [[1, 2, NOTHING]]
    assert tops[CustomerSlate.BUY_AGAIN].items.tolist() == [[0, NOTHING, NOTHING]]


def test_only_a_clear_winner_replaces_the_default() -> None:
    """More than one standard error of the paired difference."""
    rng = np.random.default_rng(1)
    default = rng.random((100, 10)) < 0.5
    noise = rng.random((100, 10)) < 0.5
    relevant = np.full(100, 10)
    same, better = judge(default, relevant), judge(np.ones((100, 10), dtype=bool), relevant)
    worse = judge(default & noise, relevant)

    assert winner({"default": same, "worse": worse}, "default") == "default"
    assert winner({"default": same, "equal": same}, "default") == "default"
    assert winner({"default": same, "better": better, "worse": worse}, "default") == "better"
