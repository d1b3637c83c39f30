"""From lines of text to rows of numbers."""

import numpy as np
import pytest

from tests.unit.training.builders import history, interactions, lines
from training.interactions import UNTIMED_DAYS, from_lines


def test_ids_are_sorted_bytewise() -> None:
    """Rows are positions in the order that the artifact keeps too."""
    ids = ["ß", "a", "Z", "10", "9", "é"]
    bought = interactions([("c", item, 0.0) for item in ids])

    assert list(bought.item_ids) == sorted(ids, key=str.encode)


def test_two_lines_of_one_order_are_one_with_the_sum_of_quantities() -> None:
    """Another order of the same day is another line."""
    bought = history([("c", "i", 0.0)] * 3, quantity=[1.0, 2.0, 4.0], order_id=["a", "a", "b"])

    assert bought.quantities.tolist() == [3.0, 4.0]


def test_a_price_is_the_mean_of_the_known_ones() -> None:
    """Unknown is NaN; where none is known there is no price at all."""
    rows = [("c", "i", 0.0), ("c", "i", 0.0), ("c", "j", 0.0)]

    assert history(rows).prices is None
    np.testing.assert_array_equal(history(rows, price=[1.0, 2.0, None]).prices, [1.5, np.nan])


def test_without_order_ids_a_customers_day_is_an_order() -> None:
    """The usual basket of a shop that keeps none."""
    bought = history([("c", "i", 0.0), ("c", "j", 0.2), ("c", "i", 1.0)])

    assert bought.orders.tolist() == [0, 0, 1]


def test_one_order_id_of_two_customers_is_two_orders() -> None:
    """Order ids need be unique within a customer only."""
    bought = history([("c", "i", 0.0), ("d", "i", 0.0)], order_id=["1", "1"])

    assert bought.orders.tolist() == [0, 1]


def test_the_order_of_rows_does_not_matter_with_timestamps() -> None:
    """Every array is the same to the bit, sums of fractions included."""
    rows = [(f"c{i % 3}", f"i{i % 2}", float(i % 4)) for i in range(40)]
    quantity = [0.1 * (i % 7 + 1) for i in range(40)]
    shuffled = np.random.default_rng(1).permutation(40)
    one = history(rows, quantity=quantity)
    other = history([rows[i] for i in shuffled], quantity=[quantity[i] for i in shuffled])

    for name in ("customers", "items", "orders", "days", "quantities"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


def test_now_is_the_midnight_after_the_last_order() -> None:
    """A day is whole before it can be learned from."""
    bought = history([("c", "i", 0.0), ("c", "i", 30.25)])

    assert bought.now == np.floor(bought.days.max()) + 1
    assert bought.ages().tolist() == [30.5, 0.25]


def test_without_timestamps_rows_keep_their_order() -> None:
    """Row order is all the time there is."""
    bought = from_lines(lines([("c", "b", 9.0), ("c", "a", 1.0)]), timed=False)

    assert [bought.item_ids[row] for row in bought.history.items] == ["b", "a"]
    assert not bought.history.timed


def test_without_timestamps_each_customers_orders_are_spread_alike() -> None:
    """The last order of each stands at the end, whoever comes first in the file."""
    rows = [("c", "i", 0.0)] * 4 + [("d", "i", 0.0)] * 2
    bought = from_lines(lines(rows), timed=False).history

    assert bought.days / UNTIMED_DAYS == pytest.approx([0.25, 0.5, 0.75, 1, 0.5, 1])
    assert bought.days.max() < bought.now


def test_categories_are_rows_of_their_sorted_names() -> None:
    """An item without one has none; names that no item has are left out."""
    bought = from_lines(
        lines([("c", item, 0.0) for item in "xyz"]),
        timed=True,
        categories={"x": "Tea", "z": "Nuts", "gone": "Empty"},
    )

    assert list(bought.category_names) == ["Nuts", "Tea"]
    assert bought.history.categories is not None
    assert bought.history.categories.tolist() == [1, -1, 0]
