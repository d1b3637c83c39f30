"""From lines of text to rows of numbers."""

import numpy as np

from tests.unit.training.builders import interactions, lines
from training.interactions import from_lines
from training.windows import last_window


def test_ids_are_sorted_bytewise() -> None:
    """Rows are positions in the order that the artifact keeps too."""
    ids = ["ß", "a", "Z", "10", "9", "é"]
    bought = interactions([("c", item, 0.0) for item in ids])

    assert list(bought.item_ids) == sorted(ids, key=str.encode)


def test_two_lines_of_one_order_are_one_with_the_sum_of_quantities() -> None:
    """Another order of the same day is another line."""
    bought = interactions([("c", "i", 0.0)] * 3, quantity=[1.0, 2.0, 4.0], order_id=["a", "a", "b"])

    assert bought.quantities.tolist() == [3.0, 4.0]


def test_without_order_ids_a_customers_day_is_an_order() -> None:
    """The usual basket of a shop that keeps none."""
    bought = interactions([("c", "i", 0.0), ("c", "j", 0.2), ("c", "i", 1.0)])

    assert bought.orders.tolist() == [0, 0, 1]


def test_one_order_id_of_two_customers_is_two_orders() -> None:
    """Order ids need be unique within a customer only."""
    bought = interactions([("c", "i", 0.0), ("d", "i", 0.0)], order_id=["1", "1"])

    assert bought.orders.tolist() == [0, 1]


def test_the_order_of_rows_does_not_matter_with_timestamps() -> None:
    """Every array is the same to the bit, sums of fractions included."""
    rows = [(f"c{i % 3}", f"i{i % 2}", float(i % 4)) for i in range(40)]
    quantity = [0.1 * (i % 7 + 1) for i in range(40)]
    shuffled = np.random.default_rng(1).permutation(40)
    one = interactions(rows, quantity=quantity)
    other = interactions([rows[i] for i in shuffled], quantity=[quantity[i] for i in shuffled])

    for name in ("customers", "items", "orders", "days", "quantities"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


def test_without_timestamps_rows_keep_their_order_and_have_no_age() -> None:
    """Row order is all the time there is."""
    bought = from_lines(lines([("c", "b", 9.0), ("c", "a", 1.0)]), timed=False)

    assert [bought.item_ids[row] for row in bought.items] == ["b", "a"]
    assert bought.ages.tolist() == [0.0, 0.0]


def test_the_last_window_holds_out_the_last_days() -> None:
    """What the model sees ends at the cut; the truth is of known customers and items."""
    old = [(f"c{i}", "i", float(day)) for i in range(5) for day in range(0, 100, 10)]
    new = [(f"c{i}", "i", 110.0) for i in range(5)]
    unknown = [("newcomer", "i", 111.0), ("c1", "novelty", 111.0)]
    window = last_window(interactions([*old, *new, *unknown]), horizon_days=10)

    assert window is not None
    assert (len(window.seen.days), window.seen.end) == (50, window.seen.days.max() + 11)
    assert window.truth.sum() == 5


def test_without_timestamps_each_customers_last_orders_are_held_out() -> None:
    """A fifth of them, one at least, and none of who has ordered once."""
    rows = [(f"c{i}", f"i{n % 5}", 0.0) for n in range(10) for i in range(5)]
    window = last_window(from_lines(lines([*rows, ("once", "i0", 0.0)]), timed=False), 28)

    assert window is not None
    assert window.truth.nonzero()[1].tolist() == [3, 4] * 5
    assert len(window.seen.items) == 41


def test_too_few_to_judge_by_is_no_window() -> None:
    """A short history is not judged rather than judged by chance."""
    assert last_window(interactions([("c", "i", 0.0), ("c", "i", 50.0)]), 28) is None
    assert last_window(interactions([]), 28) is None
