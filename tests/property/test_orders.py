"""Purchases of a customer are grouped into orders as in training."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from recsvc.domain.customers.purchase_lines import PurchaseLine, orders_of
from recsvc.domain.values.ids import ItemId, id_fault
from tests.unit.training.builders import FIRST_DAY, history

HOUR = 3600
FIRST_SECOND = int(FIRST_DAY.timestamp())

ids = st.text(max_size=40).filter(lambda text: id_fault(text) is None).map(ItemId)
marks = st.none() | st.sampled_from(["00ff", "ff00"])
LINES = st.lists(
    st.builds(
        PurchaseLine,
        st.integers(0, 2**34),
        ids | st.sampled_from([ItemId("-"), ItemId("a b  c ")]),
        marks,
        st.none() | st.floats(0, 1e18),
    ),
    max_size=8,
)
HOURS = st.lists(
    st.tuples(st.sampled_from([0, 1, 2, 23, 24, 25, 47, 48, 49, 72, 95]), marks),
    min_size=1,
    max_size=12,
)


@given(HOURS)
@settings(max_examples=200, deadline=None)
def test_orders_are_those_of_the_trainer(hours: list[tuple[int, str | None]]) -> None:
    """The service and the trainer group purchases into the same number of orders with the
    same begins.
    """
    rows = [("c", f"i{place}", hour / 24) for place, (hour, _) in enumerate(hours)]
    trained = history(rows, order_id=[order for _, order in hours])
    begun = {}
    for order, day in zip(trained.orders.tolist(), trained.days.tolist(), strict=True):
        begun[order] = round(day * 24 * HOUR)
    lines = [PurchaseLine(FIRST_SECOND + hour * HOUR, ItemId("i"), order) for hour, order in hours]

    assert [order[0].at_seconds for order in orders_of(lines)] == sorted(begun.values())


@given(LINES)
def test_every_line_is_of_one_order(lines: list[PurchaseLine]) -> None:
    """Every line belongs to an order, and an order begins with its first line."""
    orders = orders_of(reversed(lines))

    assert Counter(line for order in orders for line in order) == Counter(lines)
    for order in orders:
        assert order[0].at_seconds == min(line.at_seconds for line in order)
