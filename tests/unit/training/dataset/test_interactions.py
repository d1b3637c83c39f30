"""Purchases with ids are converted to arrays of rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.training.builders import FIRST_DAY, history, interactions, lines
from training.dataset.interactions import EPOCH, from_lines
from training.dataset.pseudo_time import UNTIMED_DAYS

DAY_ZERO = (FIRST_DAY - EPOCH).total_seconds() / 86_400


def test_ids_are_sorted_bytewise() -> None:
    """A row is the position in the bytewise sorted ids, as in the artifact."""
    ids = ["ß", "a", "Z", "10", "9", "é"]
    bought = interactions([("c", item, 0.0) for item in ids])

    assert list(bought.item_ids) == sorted(ids, key=str.encode)


def test_two_lines_of_one_order_are_one_with_the_sum_of_quantities() -> None:
    """Two scans of an item in one order become one line; another order of the day stays
    separate.
    """
    bought = history([("c", "i", 0.0)] * 3, quantity=[1.0, 2.0, 4.0], order_id=["a", "a", "b"])

    assert bought.quantities.tolist() == [3.0, 4.0]


def test_a_price_is_the_mean_of_the_known_ones() -> None:
    """A line's price is the mean of the known prices, NaN if unknown; without any price it
    is None.
    """
    rows = [("c", "i", 0.0), ("c", "i", 0.0), ("c", "j", 0.0)]

    assert history(rows).prices is None
    np.testing.assert_array_equal(history(rows, price=[1.0, 2.0, None]).prices, [1.5, np.nan])


def test_without_order_ids_a_customers_day_is_an_order() -> None:
    """Without order ids, the lines of a customer's day form one order."""
    bought = history([("c", "i", 0.0), ("c", "j", 0.2), ("c", "i", 1.0)])

    assert bought.orders.tolist() == [0, 0, 1]


def test_one_order_id_of_two_customers_is_two_orders() -> None:
    """An order id needs to be unique within a customer only."""
    bought = history([("c", "i", 0.0), ("d", "i", 0.0)], order_id=["1", "1"])

    assert bought.orders.tolist() == [0, 1]


def test_an_order_id_that_comes_back_is_another_order() -> None:
    """A till may restart its numbering each day, and a receipt over midnight is still one order."""
    days = [0.0, 0.45, 0.55, 1.5, 1.6, 30.0, 30.99, 31.0]
    bought = history([("c", "i", day) for day in days], order_id=["17"] * len(days))

    assert bought.orders.tolist() == [0, 1, 2, 3]
    assert (bought.days - bought.days[0]).round(2).tolist() == [0.0, 1.5, 30.0, 31.0]
    assert bought.quantities.tolist() == [3.0, 2.0, 2.0, 1.0]


def test_a_placeholder_for_an_order_id_hides_no_time() -> None:
    """The order id `N/A` on all lines of two years gives about one order per day."""
    rows = [(f"c{who}", f"i{day % 5}", float(day)) for who in range(3) for day in range(0, 730, 2)]
    named, nameless = history(rows, order_id=["N/A"] * len(rows)), history(rows)

    for name in ("customers", "items", "orders", "days"):
        assert getattr(named, name).tobytes() == getattr(nameless, name).tobytes(), name


@given(
    eighths=st.lists(st.integers(0, 40), min_size=1, max_size=25).map(sorted),
    cut=st.integers(1, 41),
)
@settings(deadline=None)
def test_when_orders_begin_does_not_depend_on_what_follows(eighths: list[int], cut: int) -> None:
    """Later lines do not change the begin of earlier orders, and no order lasts a day."""
    rows = [("c", f"i{place:02d}", eighth / 8) for place, eighth in enumerate(eighths)]
    whole = history(rows, order_id=["0"] * len(rows))
    known = [row for row in rows if row[2] < cut / 8]
    alone = history(known, order_id=["0"] * len(known))
    began = whole.days[np.argsort(whole.items)] - DAY_ZERO
    lasted = np.array(eighths) / 8 - began

    assert began[: len(known)].tolist() == (alone.days[np.argsort(alone.items)] - DAY_ZERO).tolist()
    assert (lasted >= 0).all()
    assert (lasted < 1).all()


def test_the_order_of_rows_does_not_matter_with_timestamps() -> None:
    """Shuffled rows give arrays that are equal to the bit, also for sums of fractions."""
    rows = [(f"c{i % 3}", f"i{i % 2}", float(i % 4)) for i in range(40)]
    quantity = [0.1 * (i % 7 + 1) for i in range(40)]
    shuffled = np.random.default_rng(1).permutation(40)
    one = history(rows, quantity=quantity)
    other = history([rows[i] for i in shuffled], quantity=[quantity[i] for i in shuffled])

    for name in ("customers", "items", "orders", "days", "quantities"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


def test_now_is_the_midnight_after_the_last_order() -> None:
    """A history ends with a whole day."""
    bought = history([("c", "i", 0.0), ("c", "i", 30.25)])

    assert bought.now == np.floor(bought.days.max()) + 1
    assert bought.ages().tolist() == [30.5, 0.25]


def test_without_timestamps_rows_keep_their_order() -> None:
    """Without timestamps, the order of rows is the order of purchases."""
    bought = from_lines(lines([("c", "b", 9.0), ("c", "a", 1.0)]), timed=False)

    assert [bought.item_ids[row] for row in bought.history.items] == ["b", "a"]
    assert not bought.history.timed


def test_without_timestamps_each_customers_orders_are_spread_alike() -> None:
    """A customer's last order is at the end, and an only order in the middle, for all customers."""
    rows = [("c", "i", 0.0)] * 4 + [("d", "i", 0.0)] * 2 + [("e", "i", 0.0)]
    bought = from_lines(lines(rows), timed=False).history

    assert bought.days / UNTIMED_DAYS == pytest.approx([0.25, 0.5, 0.75, 1, 0.5, 1, 0.5])
    assert bought.days.max() < bought.now


def test_categories_are_rows_of_their_sorted_names() -> None:
    """An item without a category has row −1; categories without an item are left out."""
    bought = from_lines(
        lines([("c", item, 0.0) for item in "xyz"]),
        timed=True,
        categories={"x": "Tea", "z": "Nuts", "gone": "Empty"},
    )

    assert list(bought.category_names) == ["Nuts", "Tea"]
    assert bought.history.categories is not None
    assert bought.history.categories.tolist() == [1, -1, 0]
