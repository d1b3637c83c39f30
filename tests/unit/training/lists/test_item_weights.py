"""Item-to-item weights for customers outside the model: k-anonymity, order of rows, small shops."""

import numpy as np
import pytest

from tests.unit.training.builders import Line, checkerboard, training_data, two_tastes
from training.dataset.training_data import TrainingData
from training.lists.item_weights import ItemWeights, fit_item_weights

RIDGE = 10.0


def shared_buyers(data: TrainingData) -> np.ndarray:
    """Count the customers who bought both items of each pair."""  # (items, items)
    pairs = data.customer_items
    bought = np.zeros((pairs.customers_total, pairs.items_total))
    bought[pairs.customers, pairs.items] = 1
    return bought.T @ bought


def random_shop(customers: int, items: int, seed: int = 2) -> TrainingData:
    rng = np.random.default_rng(seed)
    bought: list[Line] = [
        (f"c{customer}", f"i{item}", float(rng.integers(0, 50)))
        for customer in range(customers)
        for item in rng.choice(items, 20, replace=False)
    ]
    return training_data(bought)


@pytest.mark.parametrize(("customers", "items"), [(50, 60), (90, 25)])
@pytest.mark.parametrize("k_anonymity", [1, 3, 5])
def test_each_weight_rests_on_enough_customers(
    customers: int, items: int, k_anonymity: int
) -> None:
    """No weight relates two items that fewer customers bought both, nor an item to itself."""
    data = random_shop(customers, items)
    found = fit_item_weights(data, RIDGE, k_anonymity).matrix().tocoo()

    assert found.nnz > 0
    assert shared_buyers(data)[found.row, found.col].min() >= k_anonymity
    assert not (found.row == found.col).any()


def test_a_shop_of_rare_pairs_has_no_weights() -> None:
    """Two customers never suffice for five."""
    lists = fit_item_weights(training_data(two_tastes(customers=4)), RIDGE, 5).lists

    assert (len(lists.items), lists.offsets.max()) == (0, 0)


@pytest.mark.parametrize("bought", [[("c", "i", 0.0)], [("c", "i", 0.0), ("c", "j", 1.0)]])
def test_a_tiny_shop_has_lists_of_all_items(bought: list[Line]) -> None:
    """One customer gives no weight and no error."""
    data = training_data(bought)
    lists = fit_item_weights(data, RIDGE, 5).lists

    assert len(lists.offsets) == data.history.items_total + 1


def test_the_order_of_rows_does_not_matter() -> None:
    """Equal purchases in another order give equal bytes."""
    lines = checkerboard()

    one, other = (
        fit_item_weights(training_data(bought), RIDGE, 2).lists for bought in (lines, lines[::-1])
    )

    assert one.scores.tobytes() == other.scores.tobytes()
    assert one.items.tobytes() == other.items.tobytes()


def test_both_ways_of_fitting_agree() -> None:
    """The inverse over customers and the inverse over items give the weights of EASE."""
    lines = [*two_tastes(), *checkerboard()]
    few = fit_item_weights(training_data(lines), RIDGE, 1)
    data = training_data(lines)
    counts = np.log1p(data.customer_items.add_up(np.ones(len(data.history.items))))
    rows = data.customer_items.matrix(counts).toarray()
    inverse = np.linalg.inv(rows.T @ rows + RIDGE * np.eye(rows.shape[1]))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)
    expected *= shared_buyers(data) > 0

    np.testing.assert_allclose(_kept(few, expected), few.matrix().toarray(), atol=1e-3)


def _kept(weights: ItemWeights, expected: np.ndarray) -> np.ndarray:
    """Return the expected weights of the pairs that were kept."""
    return np.where(weights.matrix().toarray() != 0, expected, 0)
