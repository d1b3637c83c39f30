"""Ranking metrics, compared with values by hand."""

import numpy as np
import pytest

from recsvc.domain.catalogue.slates import CustomerSlate
from tests.unit.training.builders import history
from training.dataset.customer_items import customer_items_of
from training.dataset.ground_truth import ground_truth_of, ground_truths_of
from training.dataset.segments import NOTHING
from training.metrics.ranking_quality import (
    MOST_RESAMPLED,
    estimate,
    every_metric,
    hit_rate,
    hits_of,
    mean_of,
    ndcg,
    recall,
    reciprocal_rank,
    resamples,
)
from training.metrics.results import METRICS
from training.ranking.top_k import best_columns

FOUND = np.array([[False, True, False, True]])  # second and fourth of four ranks


def test_ndcg_by_hand() -> None:
    """Gains at ranks 2 and 4 are divided by those of three hits in the first three places."""
    ideal = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    gained = 1 / np.log2(3) + 1 / np.log2(5)

    assert ndcg(FOUND, np.array([3]), 10)[0] == pytest.approx(gained / ideal)


def test_ndcg_of_a_full_list_is_one_however_much_there_is_to_find() -> None:
    """The ideal list has no more hits than the list has places."""
    assert ndcg(np.ones((1, 5), dtype=bool), np.array([30]), 5)[0] == pytest.approx(1)


@pytest.mark.parametrize(
    ("relevant", "k", "expected"), [(3, 10, 2 / 3), (3, 2, 1 / 2), (2, 4, 1.0), (9, 4, 2 / 4)]
)
def test_recall_is_hits_of_the_possible_ones(relevant: int, k: int, expected: float) -> None:
    """Recall divides the hits by min(k, relevant)."""
    assert recall(FOUND, np.array([relevant]), k)[0] == pytest.approx(expected)


@pytest.mark.parametrize(("k", "hit", "rank"), [(1, 0.0, 0.0), (2, 1.0, 0.5), (4, 1.0, 0.5)])
def test_hit_rate_and_reciprocal_rank_by_hand(k: int, hit: float, rank: float) -> None:
    """A first hit at place two gives hit rate 1 and reciprocal rank ½."""
    assert hit_rate(FOUND, k).tolist() == [hit]
    assert reciprocal_rank(FOUND, k).tolist() == [rank]


def test_every_metric_is_computed_at_every_k() -> None:
    """The names are those of metrics.json, and all metrics have the same customer order."""
    found = every_metric(np.array([[True], [False]]), np.array([1, 1]))

    assert sorted(found) == sorted(METRICS)
    assert {tuple(values) for values in found.values()} == {(1.0, 0.0)}


def test_hits_are_looked_up_by_customer() -> None:
    """Another customer's relevant items and the padding of short lists are no hits."""
    ground_truth = ground_truth_of(np.array([0 * 3 + 1, 1 * 3 + 0]), 2, 3)
    ranked = np.array([[1, 0, NOTHING], [1, 0, NOTHING]])

    assert hits_of(ground_truth, np.array([0, 1]), ranked).tolist() == [
        [True, False, False],
        [False, True, False],
    ]


def test_a_mean_comes_with_its_standard_error() -> None:
    """The mean of no customer is NaN; the error of one customer is infinite."""
    found = mean_of(np.array([0.0, 1.0]))

    assert (found.mean, found.error, found.customers) == (0.5, pytest.approx(0.5), 2)
    assert np.isnan(mean_of(np.zeros(0)).mean)
    assert mean_of(np.ones(1)).error == np.inf


def test_the_bootstrap_interval_is_that_of_the_mean() -> None:
    """The interval is about two standard errors to each side, and empty for equal values."""
    rng = np.random.default_rng(1)
    values, weights = rng.random(400), resamples(400, rng)
    found = estimate(values, weights)

    assert found.high - found.low == pytest.approx(4 * found.error, rel=0.1)
    assert estimate(np.ones(400), weights).low == pytest.approx(1)


def test_of_many_customers_the_interval_is_the_normal_one() -> None:
    """Above MOST_RESAMPLED customers the normal interval replaces the bootstrap, which
    agrees with it.
    """
    rng = np.random.default_rng(1)
    values = rng.random(MOST_RESAMPLED)
    drawn = estimate(values, resamples(MOST_RESAMPLED, rng))
    normal = estimate(values, resamples(MOST_RESAMPLED + 1, rng))

    assert resamples(MOST_RESAMPLED + 1, rng) is None
    assert [normal.low, normal.high] == pytest.approx([drawn.low, drawn.high], abs=0.0005)


def test_an_estimate_without_customers_is_nan() -> None:
    """An empty slice has NaN estimates, such as "few orders" where all customers have
    equally many.
    """
    found = estimate(np.zeros(0), resamples(0, np.random.default_rng(1)))

    assert np.isnan([found.mean, found.low, found.high]).all()


def test_each_slate_has_its_own_ground_truth() -> None:
    """Repeat purchases belong to `buy_again`, first purchases to `discover`, and all to
    `for_you`.
    """
    known = customer_items_of(history([("c", "i", 0.0), ("d", "j", 0.0)]))
    ground_truths = ground_truths_of(known, np.array([0, 0, 0]), np.array([0, 1, 1]))

    assert ground_truths[CustomerSlate.FOR_YOU].keys.tolist() == [0, 1]
    assert ground_truths[CustomerSlate.DISCOVER].keys.tolist() == [1]
    assert ground_truths[CustomerSlate.BUY_AGAIN].keys.tolist() == [0]


@pytest.mark.parametrize("items", [1, 5, 200, 5000])
@pytest.mark.parametrize("k", [1, 10, 100])
def test_the_best_are_those_of_a_full_sort(items: int, k: int) -> None:
    """The search by groups finds the same columns as a full sort."""
    scores = np.random.default_rng(items * k).random((7, items), dtype=np.float32)
    top = best_columns(scores, None, k)
    full = np.argsort(-scores, axis=1, kind="stable")[:, :k]

    assert top.columns.tolist() == full.tolist()


def test_hidden_columns_are_dropped_not_ranked_low() -> None:
    """A row is shorter instead of ending in columns that may not be shown."""
    top = best_columns(np.array([[3.0, 2.0]], dtype=np.float32), np.array([[False, True]]), 2)

    assert top.columns.tolist() == [[1, NOTHING]]
