"""The share of purchases since the end of the data is what past windows say."""

import numpy as np
import pytest

from recsvc.domain.catalogue.slates import CustomerSlate
from recsvc.model.artifact.artifact import HistoryScores, empty_lists
from recsvc.model.kernels.kernels import HISTORY_WEIGHTS_TOTAL, PURCHASES_SHARE
from recsvc.model.registry.history_arrays import (
    DEFAULT_COEFFICIENTS,
    in_columns,
    purchases_share,
)
from tests.unit.training.builders import Line, history
from training.dataset.history import History
from training.dataset.windows import Window
from training.evaluation.new_purchases import (
    SHARES,
    _chosen_share,
    _JudgedShares,
    measure_new_purchases,
    with_share,
)
from training.evaluation.warm_start import LiveScores
from training.metrics.new_purchases_results import JudgedPurchases
from training.selection.backtest import WindowResult

CUSTOMERS, HABITS, ITEMS, START = 140, 15, 30, 40.0
WINNERS = {CustomerSlate.FOR_YOU: "model"}


def shop(*, repeats: bool, customers: int = CUSTOMERS) -> History:
    """Each customer buys a first item in the days told. Later each buys the item again, or else the
    first of the items that the list shows.
    """
    bought: list[Line] = []
    for customer in range(customers):
        name = f"c{customer:03d}"
        first = HABITS + customer % (ITEMS - HABITS)
        bought += [(name, f"i{item:02d}", day) for day, item in enumerate(range(HABITS))]
        bought += [(name, f"i{item:02d}", 20.0) for item in range(HABITS, ITEMS) if item != first]
        bought += [(name, f"i{first:02d}", START + 0.5)]
        bought += [(name, f"i{first if repeats else 0:02d}", START + 25.0)]
    return history(bought)


def measured(shop: History) -> JudgedPurchases | None:
    """Every customer's list has the habits, the first item first."""
    customers = np.arange(shop.customers_total)
    lists = np.tile(np.arange(HABITS), (shop.customers_total, 1))
    window = Window(np.floor(shop.days.min()) + START, np.floor(shop.days.min()) + START + 28)
    result = WindowResult(
        window,
        0,
        len(customers),
        judged_customers={CustomerSlate.FOR_YOU: customers},
        lists={CustomerSlate.FOR_YOU: {"model": lists}},
    )
    own, new = np.full(ITEMS, 2.0, np.float32), np.full(ITEMS, -6.0, np.float32)
    no_lists = empty_lists(ITEMS)
    arrays = in_columns(
        no_lists.offsets,
        no_lists.items.astype(np.int32),
        no_lists.scores.astype(np.float32),
        own,
        new,
        DEFAULT_COEFFICIENTS,
    )
    scores = LiveScores(arrays, np.zeros(0, np.float32), np.zeros(0, np.int32))
    return measure_new_purchases(shop, result, WINNERS, scores, seed=0)


def test_purchases_that_recur_get_a_share() -> None:
    """The told item enters the list of a customer who buys it again, and the other half gains."""
    found = measured(shop(repeats=True))

    assert found is not None
    assert found.share > 0
    paths = found.slates["for_you"]
    assert [path.days for path in paths] == pytest.approx([2.0, 7.0, 14.0])
    assert all(path.gain.mean > 0 for path in paths)
    assert paths[0].trained.customers == CUSTOMERS // 2


def test_purchases_that_do_not_recur_get_none() -> None:
    """Where told purchases displace what is bought next, the lists alone are best."""
    found = measured(shop(repeats=False))

    assert found is not None
    assert found.share == 0
    assert all(path.gain.mean == 0 for path in found.slates["for_you"])


def test_a_larger_share_needs_a_clear_gain() -> None:
    """Of shares that differ by less than one standard error, the smallest is chosen."""
    rng = np.random.default_rng(5)
    ndcg = np.full((400, len(SHARES)), 0.4) + rng.normal(0, 0.1, (400, len(SHARES)))
    ndcg[:, 1:] += 0.05
    ndcg[:, 3] += 0.001

    assert _chosen_share([_JudgedShares(7.0, ndcg)]) == 1


def test_few_customers_judge_nothing() -> None:
    """With fewer than thirty customers in a half there is no share, and the default stays."""
    assert measured(shop(repeats=True, customers=59)) is None


def test_the_share_is_published_with_the_coefficients() -> None:
    """A model says its share; one that was not judged says none."""
    scores = HistoryScores(empty_lists(1), np.zeros(1), np.zeros(1), DEFAULT_COEFFICIENTS.copy())
    judged = with_share(scores, JudgedPurchases(0.35, {}))
    unjudged = with_share(scores, None)

    assert judged is not None
    assert unjudged is scores
    assert len(judged.coefficients) == HISTORY_WEIGHTS_TOTAL
    assert judged.coefficients[PURCHASES_SHARE] == pytest.approx(0.35)
    none = in_columns(*_no_weights(), DEFAULT_COEFFICIENTS)
    earlier = in_columns(*_no_weights(), DEFAULT_COEFFICIENTS[:13])
    with_judged = in_columns(*_no_weights(), judged.coefficients)
    assert purchases_share(none) is purchases_share(earlier) is None
    assert purchases_share(with_judged) == pytest.approx(0.35)


def _no_weights() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    nothing = np.zeros(0, np.float32)
    one = np.zeros(1, np.float32)
    return np.zeros(2, np.int64), np.zeros(0, np.int32), nothing, one, one
