"""The compiled ranking of other items gives the log-odds that the trainer learned."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsvc.model.artifact.artifact import RankedLists
from recsvc.model.kernels.kernels import fold_in
from recsvc.model.registry.history_arrays import in_columns
from training.lists.history_scores import Coefficients, fit_new_items
from training.lists.item_facts import ItemFacts
from training.lists.item_weights import ItemWeights
from training.lists.logistic import Numbers

ITEMS, ROWS = 6, 1500
# Item 0 votes for items 1 to 3.
WEIGHTS = RankedLists(
    np.array([0, *[3] * ITEMS]),
    np.array([1, 2, 3], np.int32),
    np.array([0.5, 0.1, 0.3], np.float32),
)
_VOTE_UNIT = 0.05


def learned(slope: float, per_share: float, seed: int) -> tuple[Numbers, float, Numbers, float]:
    """Learn from drawn candidates; `slope` of the log share, `per_share` of votes × log share."""
    rng = np.random.default_rng(seed)
    votes, share = np.log1p(rng.exponential(4, ROWS)), rng.uniform(-8, -1, ROWS)
    orders, again = np.log1p(rng.integers(1, 40, ROWS)), rng.uniform(-4, 0, ROWS)
    columns = np.column_stack([votes, -rng.exponential(0.2, ROWS), orders, share, again])
    odds = 1.5 * votes + slope * (share + 4) + per_share * votes * (share + 4) - 1
    labels = rng.random(ROWS) < 1 / (1 + np.exp(-odds))
    return fit_new_items(columns, labels.astype(np.float64))


@given(
    st.floats(-0.6, 0.6),
    st.floats(-0.4, 0.4),
    st.lists(st.floats(-8, -1), min_size=ITEMS, max_size=ITEMS),
    st.integers(0, 99),
)
@settings(max_examples=40)
def test_the_kernel_has_the_learned_log_odds(
    slope: float, per_share: float, shares: list[float], seed: int
) -> None:
    """Popular items may sell more than others or less; votes count by popularity either way."""
    worth, worth_base, weights, base = learned(slope, per_share, seed)
    of_new = np.column_stack([shares, np.full(ITEMS, -2.0)])
    facts = ItemFacts(
        np.zeros((ITEMS, 4)), of_new, np.full(ITEMS, 60.0), np.arange(ITEMS), ItemWeights(WEIGHTS)
    )
    scores = Coefficients(np.zeros(15), 0.0, worth, worth_base, weights, base, 28.0).scores(facts)
    arrays = in_columns(
        WEIGHTS.offsets, WEIGHTS.items, WEIGHTS.scores, scores.own, scores.new, scores.coefficients
    )

    items, chances, _ = fold_in.run(
        np.array([0]),
        np.array([1]),
        np.array([1.0]),
        arrays,
        np.zeros(0, np.float32),
        np.arange(ITEMS, dtype=np.int32),
        False,
        True,
        ITEMS,
    )

    summed = np.zeros(ITEMS)
    summed[WEIGHTS.items] = np.log1p(1) * WEIGHTS.scores
    of_votes = np.column_stack([np.log1p(summed / _VOTE_UNIT), np.zeros(ITEMS)])
    of_items = of_new @ worth + worth_base
    each = np.column_stack([of_votes, of_items, of_votes[:, 0] * of_items])
    orders = np.full((ITEMS, 1), np.log1p(1))
    expected = (np.hstack([each, each * orders, orders]) @ weights + base)[items]
    assert sorted(items.tolist()) == list(range(1, ITEMS))
    assert np.log(chances / (1 - chances)) == pytest.approx(expected, abs=0.02)


def test_without_a_slope_the_votes_are_learned_without_popularity() -> None:
    """No product with the worth is left, and the votes keep their weight."""
    rng = np.random.default_rng(3)
    votes = np.log1p(rng.exponential(4, ROWS))
    columns = np.column_stack(
        [votes, np.zeros(ROWS), np.log1p(rng.integers(1, 40, ROWS)), np.zeros((ROWS, 2))]
    )
    labels = rng.random(ROWS) < 1 / (1 + np.exp(1 - 1.5 * votes))
    _, _, weights, _ = fit_new_items(columns, labels.astype(np.float64))

    assert weights[[3, 6, 7]].tolist() == [0, 0, 0]
    assert weights[0] + 2.5 * weights[4] == pytest.approx(1.5, abs=0.4)


def test_coefficients_that_the_kernel_cannot_express_are_refused() -> None:
    """The kernel has the worth of an item in place of its facts."""
    weights = np.zeros(9)
    weights[2:4] = 0.05, 0.3
    with pytest.raises(ValueError, match=r"product with the worth.*0\.05"):
        Coefficients(np.zeros(15), 0.0, np.zeros(2), 0.0, weights, -3.0, 28.0)
