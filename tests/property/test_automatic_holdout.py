"""The automatic holdout: training data equals that of a file without the held-out rows."""

from collections import Counter
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.training.builders import FIRST_DAY, lines
from training.dataset.history import History
from training.dataset.holdout import by_time
from training.dataset.interactions import EPOCH, Interactions, from_lines
from training.sources.returns import net

HORIZON_DAYS = 10.0
LENGTH_DAYS = 60
NOON = (FIRST_DAY - EPOCH).total_seconds() / 86_400

sold = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d"]),
        st.sampled_from(["tea", "nut", "jam", "rye"]),
        st.integers(0, LENGTH_DAYS).map(float),
        st.sampled_from([1.0, 2.0, -1.0, -2.0]),
    ),
    max_size=40,
)
Sold = list[tuple[str, str, float, float]]
CATEGORIES = {"tea": "drink", "jam": "spread", "nut": "snack"}


def shop(rows: Sold, *, timed: bool) -> Interactions:
    table = lines([row[:3] for row in rows], quantity=[row[3] for row in rows])
    if not timed:
        table = table.with_columns(pl.lit(None, pl.Datetime("us", "UTC")).alias("at"))
    return from_lines(net(table).purchases, timed=timed, categories=CATEGORIES)


def told(found: Interactions) -> dict[str, Any]:
    return {
        "ids": (list(found.customer_ids), list(found.item_ids), list(found.category_names)),
        **arrays(found.history),
    }


def arrays(history: History) -> dict[str, Any]:
    names = ("customers", "items", "orders", "days", "quantities", "categories")
    values = {name: getattr(history, name) for name in names}
    plain = {name: None if value is None else value.tolist() for name, value in values.items()}
    back = history.returned_lines
    return {
        **plain,
        "shape": history.shape,
        "back": back and (back.returned.tolist(), arrays(back.lines)),
    }


@given(rows=sold)
@settings(deadline=None)
def test_with_timestamps_nothing_after_the_cutoff_is_known(rows: Sold) -> None:
    """Items, categories, customers, orders and returns after the cutoff leave no trace."""
    rows = [("z", "old", 0.0, 1.0), *rows, ("z", "new", LENGTH_DAYS + 0.0, 1.0)]
    whole = shop(rows, timed=True)
    learning = by_time(whole, HORIZON_DAYS).learning
    before = [row for row in rows if row[2] + NOON < whole.history.now - HORIZON_DAYS]

    assert learning.history.now == whole.history.now - HORIZON_DAYS
    assert told(learning) == told(shop(before, timed=True))


@given(rows=sold)
@settings(deadline=None)
def test_without_timestamps_nothing_of_the_last_orders_is_known(rows: Sold) -> None:
    """The held-out orders leave no trace, not even by their number."""
    rows = [*rows, *[("z", "old", 0.0, 1.0)] * 2]
    learning = by_time(shop(rows, timed=False), HORIZON_DAYS).learning

    assert told(learning) == told(shop(first_seven_eighths(rows), timed=False))


def first_seven_eighths(rows: Sold) -> Sold:
    """Remove an eighth of each customer's orders, the last ones, but never an only order."""
    orders = Counter(row[0] for row in rows if row[3] > 0)
    placed: Counter[str] = Counter()
    kept = []
    for row in rows:
        placed[row[0]] += row[3] > 0
        if placed[row[0]] <= max(orders[row[0]] * 7 // 8, 1):
            kept.append(row)
    return kept
