"""Held-out orders in the rows of the training interactions."""

import numpy as np

from tests.unit.training.builders import interactions
from training.dataset.holdout import Split, by_time

PURCHASES = [
    ("ann", "tea", 0.0),
    ("ann", "nut", 0.0),
    ("bob", "tea", 1.0),
    ("zoe", "nut", 9.0),  # unknown customer
    ("zoe", "tea", 9.0),
    ("ann", "new", 9.0),  # unknown item
    ("ann", "tea", 9.0),
]


def split() -> Split:
    return by_time(interactions(PURCHASES), horizon_days=2)


def test_held_out_orders_use_the_rows_of_the_training_items() -> None:
    """An order of an unknown customer counts; a line of an unknown item does not."""
    found = split()
    known = found.learning

    orders = found.holdout.orders
    ids = [known.item_ids[row] for row in orders.items]

    assert ids == ["tea", "nut", "tea"]
    assert (np.diff(orders.orders) > 0).tolist() == [True, False]


def test_unknown_customers_get_rows_after_the_known_ones() -> None:
    """The rows of known customers stay; the total grows by the number of unknown ones."""
    orders = split().holdout.orders

    assert orders.customers.tolist() == [0, 2, 2]
    assert orders.customers_total == 3
