"""Pairs of the same orders, and the rank of a hidden item, against plain Python."""

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsvc.model.kernels.kernels import sum_votes
from recsvc.model.registry.candidates import UNFILTERED
from tests.unit.training.builders import Line, history
from training.item_slates.basket_cases import BasketCases, basket_cases
from training.item_slates.order_pairs import orders_by, orders_of, pairs_of
from training.item_slates.scored_neighbours import Neighbours, no_neighbours

orders_made = st.lists(  # (customer, items of one order)
    st.tuples(st.integers(0, 6), st.sets(st.integers(0, 5), min_size=1, max_size=4)),
    min_size=1,
    max_size=30,
)


def bought(orders: list[tuple[int, set[int]]]) -> list[Line]:
    """Put each order on its own day."""
    return [
        (f"c{customer}", f"i{item}", float(day))
        for day, (customer, items) in enumerate(orders)
        for item in sorted(items)
    ]


@given(orders_made, st.integers(1, 4))
def test_pairs_are_those_of_enough_distinct_customers(
    orders: list[tuple[int, set[int]]], least: int
) -> None:
    """Common orders and their customers are counted exactly; repeats of one customer count once."""
    known = history(bought(orders))
    names = sorted({f"i{item}" for _, items in orders for item in items})
    common: dict[tuple[int, int], list[int]] = {}
    for customer, items in orders:
        for pair in permutations(sorted(names.index(f"i{item}") for item in items), 2):
            common.setdefault(pair, []).append(customer)

    found = pairs_of(orders_of(known), least)

    counted = zip(
        found.rows.tolist(),
        found.partners.tolist(),
        found.together.tolist(),
        found.customers.tolist(),
        strict=True,
    )
    few = [each for each in common.values() if len(each) >= least > len(set(each))]
    assert {(row, partner): (count, who) for row, partner, count, who in counted} == {
        pair: (len(customers), len(set(customers)))
        for pair, customers in common.items()
        if len(set(customers)) >= least
    }
    assert found.left_out == len(few)


def test_an_order_counts_once_for_a_category() -> None:
    """Two items of a category in one order are one order of the category."""
    known = history(bought([(0, {0, 1, 2}), (1, {0, 2})]))
    found = pairs_of(orders_by(known, np.array([0, 0, 1]), 2), 2)

    assert found.together.tolist() == [2, 2]
    assert found.customers.tolist() == [2, 2]


def test_only_wanted_items_have_partners() -> None:
    known = history(bought([(0, {0, 1, 2})]))
    found = pairs_of(orders_of(known), 1, np.array([False, True, False]))

    assert (found.rows.tolist(), sorted(found.partners.tolist())) == ([1, 1], [0, 2])


cases_made = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@given(cases_made)
def test_the_rank_of_a_hidden_item_is_its_place_among_all_items(rng: np.random.Generator) -> None:
    """Items with a sum come first, all others by popularity; the basket's items are left out."""
    size = 8
    dense = rng.integers(0, 3, (size, size)).astype(np.float32) * np.float32(0.5)
    np.fill_diagonal(dense, 0)
    basket = np.sort(rng.choice(size, 3, replace=False))
    hidden = int(rng.choice(np.setdiff1d(np.arange(size), basket)))
    popularity = rng.permutation(size).astype(np.float32)
    rows, columns = dense.nonzero()
    offsets = np.searchsorted(rows, np.arange(size + 1))
    neighbours = Neighbours(offsets, columns, dense[rows, columns])
    sums = dense[basket].sum(axis=0)
    ranked = sorted(
        (row for row in range(size) if row not in basket),
        key=lambda row: (-sums[row], row) if sums[row] > 0 else (1, -popularity[row]),
    )

    cases = BasketCases(np.array([0, 3]), basket, np.array([hidden]), np.array([0]))
    found = cases.measure(neighbours, popularity)

    assert found.reciprocal.tolist() == [1 / (1 + ranked.index(hidden))]


def test_cases_hide_one_known_item_of_orders_of_three_or_more() -> None:
    """An order with two known items is no case; the hidden item is not in its basket."""
    orders = [(customer, {0, 1, 2, 3}) for customer in range(4)]
    whole = history(bought([*orders, (5, {0, 1, 2}), (6, {0, 1, 4})]))
    known, later = whole.before(whole.now - 2), whole.between(whole.now - 2, whole.now)
    found = basket_cases(known, later, seed=1)

    assert len(found) == 1
    assert found.customers.tolist() == [later.customers[0]]
    assert sorted([*found.items.tolist(), *found.hidden.tolist()]) == [0, 1, 2]
    assert not found.is_enough


def test_cases_are_equal_for_equal_seeds() -> None:
    whole = history(bought([(customer % 7, {0, 1, 2, 3}) for customer in range(40)]))
    known, later = whole.before(whole.now - 20), whole.between(whole.now - 20, whole.now)
    one, two, other = (basket_cases(known, later, seed) for seed in (1, 1, 2))

    assert one.hidden.tolist() == two.hidden.tolist()
    assert one.hidden.tolist() != other.hidden.tolist()


def test_without_neighbours_best_sellers_complete_a_basket() -> None:
    cases = BasketCases(np.array([0, 2]), np.array([0, 1]), np.array([3]), np.array([0]))
    found = cases.measure(no_neighbours(4), np.array([9, 8, 7, 6], np.float32))

    assert found.reciprocal.tolist() == [0.5]


@given(cases_made)
def test_judging_ranks_as_the_service_sums_votes(rng: np.random.Generator) -> None:
    """The rank of each item that could be hidden is its place among the service's votes."""
    size = 8
    dense = rng.integers(0, 3, (size, size)).astype(np.float32)
    rows, columns = dense.nonzero()
    offsets = np.searchsorted(rows, np.arange(size + 1)).astype(np.int64)
    scores = dense[rows, columns]
    basket = np.sort(rng.choice(size, 3, replace=False))
    arrays = (offsets, columns.astype(np.int32), scores)
    voted, _, _ = sum_votes.run(basket, arrays, UNFILTERED, False)
    served = [row for row in voted.tolist() if row not in basket]

    cases = BasketCases(
        np.arange(len(served) + 1) * 3,
        np.tile(basket, len(served)),
        np.array(served, np.int64),
        np.arange(len(served)),
    )
    found = cases.measure(Neighbours(offsets, columns, scores), np.ones(size, np.float32))

    assert found.reciprocal.tolist() == [1 / place for place in range(1, len(served) + 1)]
