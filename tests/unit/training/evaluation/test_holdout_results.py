"""Results on a holdout: slices and candidate recall, computed by hand."""

from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from recsvc.domain.catalogue.slates import CustomerSlate
from tests.unit.training.builders import Line, history, quick, training_data
from training.dataset.ground_truth import ground_truth_of
from training.dataset.history import Rows
from training.dataset.holdout import Holdout
from training.evaluation.holdout_rankings import rank_customers
from training.evaluation.holdout_results import (
    HoldoutSample,
    head_items,
    holdout_sample,
    measure,
    slices_of,
)
from training.metrics.results import Slice
from training.progress import SILENT
from training.selection.model_selection import select_models

BREAD, SALT = 0, 1
SECOND_PLACE = 1 / np.log2(3)

# Customers 0 and 1 came once, 2 and 3 three times, 4 and 5 nine times, and always for bread.
VISITS = (1, 1, 3, 3, 9, 9)
BOUGHT: list[Line] = [
    *(
        (f"c{customer}", "bread", float(day))
        for customer, visits in enumerate(VISITS)
        for day in range(visits)
    ),
    *((f"c{customer}", "salt", 0.0) for customer in range(6)),
]


def sample(later: list[tuple[int, int]]) -> HoldoutSample:
    """Return a sample of customers 0 to 5 with their later purchases."""
    keys = np.array([2 * customer + item for customer, item in later])
    ground_truth = ground_truth_of(keys, customers_total=6, items_total=2)
    return holdout_sample(ground_truth, ground_truth.customers, ground_truth.customers, seed=1)


def slices(lists: Rows, later: list[tuple[int, int]]) -> dict[str, Slice]:
    found = slices_of({"winner": lists}, sample(later), training_data(BOUGHT), seed=1)
    return {part.name: part for part in found}


def test_customers_are_sliced_by_their_number_of_orders() -> None:
    """Customers are split into thirds by their number of orders, each with its own NDCG."""
    lists = np.array([[BREAD, SALT]] * 2 + [[SALT, BREAD]] * 2 + [[SALT, -1]] * 2)
    found = slices(lists, [(customer, BREAD) for customer in range(6)])

    assert {name: found[name].customers for name in ("few", "some", "many")} == {
        "few": 2,
        "some": 2,
        "many": 2,
    }
    assert found["few"].models["winner"].mean == 1
    assert found["some"].models["winner"].mean == pytest.approx(SECOND_PLACE)
    assert found["many"].models["winner"].mean == 0


def test_items_are_sliced_into_head_and_tail() -> None:
    """Lists of the best seller alone score 1 on the head and 0 on the tail."""
    lists = np.array([[BREAD, -1]] * 6)
    found = slices(lists, [(0, BREAD), (1, BREAD), (2, SALT), (3, SALT), (3, BREAD)])

    assert (found["head"].customers, found["head"].models["winner"].mean) == (3, 1.0)
    assert (found["tail"].customers, found["tail"].models["winner"].mean) == (2, 0.0)


def test_the_head_is_the_fewest_items_that_make_up_half_of_all_purchases() -> None:
    """With 3, 2, 2, 2 and 1 purchases, two items make up half of all."""
    counts = {"a": 3, "b": 2, "c": 2, "d": 2, "e": 1}
    bought = [
        (f"c{customer}", item, 0.0) for item, count in counts.items() for customer in range(count)
    ]

    assert head_items(training_data(bought).customer_items).tolist() == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_candidate_recall_is_the_share_of_purchases_among_the_candidates() -> None:
    """Candidate recall is the share of later purchases that are candidates: three of four."""
    bought = [(f"c{customer}", f"i{item}", 0.0) for customer in range(4) for item in range(8)]
    with threadpool_limits(1, "blas"):
        selected = select_models(history(bought), quick(), SILENT)
        rankings = rank_customers(selected, np.arange(4), SILENT)
    missing = replace(rankings, candidates=np.delete(rankings.candidates, 8 * 2 + 5))
    later = Holdout(
        given=True,
        start=None,
        end=None,
        customers=np.array([0, 1, 2, 3]),
        items=np.array([7, 6, 5, 4]),
        unknown_customers=[],
        orders=history(bought),
    )
    found = measure(selected, missing, later, seed=1).slates[CustomerSlate.FOR_YOU]

    assert len(rankings.candidates) == 4 * 8
    assert found.candidate_recall == 3 / 4
