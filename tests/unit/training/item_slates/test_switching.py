"""Switching between items of a category, counted by customers."""

import itertools
from collections import defaultdict

import numpy as np
import pytest

from tests.unit.training.builders import Line, history
from training.dataset.history import History, Rows
from training.item_slates.switching import switching_customers


def random_orders(seed: int) -> History:
    """Thirty customers buy one to four of twelve items at each of six visits."""
    rng = np.random.default_rng(seed)
    bought: list[Line] = [
        (f"c{customer:02d}", f"i{item:02d}", float(visit))
        for customer in range(30)
        for visit in range(6)
        for item in rng.choice(12, rng.integers(1, 5), replace=False)
    ]
    return history(bought)


def by_hand(shop: History, groups: Rows, least: int) -> np.ndarray:
    """Count the customers of each pair by the rule: consecutive orders of a category, each with one
    of the two items only.
    """
    visits: dict[tuple[int, int], dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    for customer, item, order in zip(
        shop.customers.tolist(), shop.items.tolist(), shop.orders.tolist(), strict=True
    ):
        if groups[item] >= 0:
            visits[customer, int(groups[item])][order].add(item)
    switchers: dict[tuple[int, int], set[int]] = defaultdict(set)
    for (customer, _), orders in visits.items():
        baskets = [orders[order] for order in sorted(orders)]
        for before, after in itertools.pairwise(baskets):
            for one in before - after:
                for other in after - before:
                    switchers[min(one, other), max(one, other)].add(customer)
    found = np.zeros((shop.items_total, shop.items_total), np.float32)
    for (low, high), customers in switchers.items():
        if len(customers) >= least:
            found[low, high] = found[high, low] = len(customers)
    return found


@pytest.mark.parametrize("least", [1, 3])
@pytest.mark.parametrize("seed", [1, 2])
def test_customers_are_counted_once_for_a_pair(seed: int, least: int) -> None:
    """The count of each pair equals the one by the rule; items without a category have none."""
    shop = random_orders(seed)
    groups = np.array([-1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2])

    found = switching_customers(shop, groups, least)

    np.testing.assert_array_equal(found.toarray(), by_hand(shop, groups, least))


def test_a_stock_delivery_is_no_choice() -> None:
    """An order with more than twenty items of a category does not count."""
    stock: list[Line] = [("a", f"i{item:02d}", 1.0) for item in range(21)]
    shop = history([("a", "x", 0.0), *stock])

    assert switching_customers(shop, np.zeros(22, np.int64), 1).nnz == 0


def test_a_shop_without_categories_has_no_switching() -> None:
    shop = random_orders(3)

    assert switching_customers(shop, np.full(12, -1), 1).nnz == 0
