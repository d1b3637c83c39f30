"""Median days until an item is bought again."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.training.builders import Line, history, interactions, two_tastes
from tests.unit.training.test_pipeline import trained
from training.dataset.customer_items import customer_items_of
from training.lists.repurchase_intervals import median_intervals, medians


def of(bought: list[Line], **columns: list[str]) -> dict[str, float]:
    made = interactions(bought, **columns)
    found = median_intervals(made.history, customer_items_of(made.history))
    assert found is not None
    return dict(zip(made.item_ids, found.tolist(), strict=True))


def test_the_interval_is_the_median_over_all_customers() -> None:
    """The interval is the median over all customers, and NaN for an item without repeat
    purchases.
    """
    bought = [("a", "milk", day) for day in (0, 7, 14, 22)] + [("b", "milk", 1), ("b", "milk", 99)]
    found = of([*bought, ("a", "sofa", 3), ("b", "sofa", 9)])

    assert found["milk"] == 7.5
    assert np.isnan(found["sofa"])


def test_two_purchases_on_one_day_count_as_one() -> None:
    """Two purchases on the same day count as one."""
    found = of([("a", "milk", 0), ("a", "milk", 0.1), ("a", "milk", 9.9)], order_id=[*"123"])

    assert round(found["milk"], 3) == 9.8


def test_without_repeat_purchases_all_intervals_are_nan() -> None:
    """A single purchase gives no interval."""
    assert np.isnan(list(of([("a", "sofa", 0)]).values())).all()


def test_a_training_stores_the_intervals() -> None:
    """A training stores the intervals in the order of the model's items, and none without
    timestamps.
    """
    artifact = trained(two_tastes()).artifact
    learned = history(two_tastes())

    assert artifact.intervals is not None
    assert np.array_equal(artifact.intervals, median_intervals(learned, customer_items_of(learned)))
    assert trained(two_tastes(), timed=False).artifact.intervals is None


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(1, 400, width=32)), max_size=40))
def test_each_group_has_numpys_median(customer_items: list[tuple[int, float]]) -> None:
    """The median of every group equals numpy's."""
    groups = np.array([group for group, _ in customer_items], dtype=np.int64)
    values = np.array([value for _, value in customer_items], dtype=np.float64)
    expected = [
        np.median(values[groups == group]) if (groups == group).any() else np.nan
        for group in range(5)
    ]

    assert np.allclose(expected, medians(groups, values, 5), equal_nan=True)
