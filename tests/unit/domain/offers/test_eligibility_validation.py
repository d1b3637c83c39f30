"""Conditions that no customer can meet together are refused, for every condition."""

from collections.abc import Callable, Iterator
from itertools import combinations, product
from typing import Any, NamedTuple

import pytest

from recsvc.domain.offers.eligibility import CONDITIONS
from recsvc.domain.offers.eligibility_validation import read_eligibility
from recsvc.domain.values.validation import InvalidMembers

RANGES = [
    name.removeprefix("min_")
    for name in CONDITIONS
    if name.startswith("min_") and f"max_{name.removeprefix('min_')}" in CONDITIONS
]

# By condition: a value, and whether a customer without orders can meet it.
FOR_NEW_CUSTOMERS: dict[str, tuple[object, bool]] = {
    "min_orders": (1, False),
    "max_orders": (1, True),
    "min_days_since_last_order": (1, False),
    "max_days_since_last_order": (1, False),
    "min_spent": (1, False),
    "max_spent": (1, True),
    "segments": (["vip"], True),
    "attributes": ({"tier": "gold"}, True),
    "bought": ({"items": ["milk"]}, False),
    "not_bought": ({"items": ["milk"]}, True),
    "new_customers_only": (True, True),
    "birthday_month": (True, True),
    "anniversary_month": (True, True),
}


def refused(sent: dict[str, Any]) -> list[str]:
    """Return the fields that the refusal names; empty if the eligibility is accepted."""
    try:
        read_eligibility(sent)
    except InvalidMembers as found:
        return [fault.field for fault in found.faults]
    return []


@pytest.mark.parametrize("name", RANGES)
def test_a_minimum_above_its_maximum_is_refused(name: str) -> None:
    """Each pair of conditions `min_…` and `max_…` is a range; equal limits are accepted."""
    assert refused({f"min_{name}": 2, f"max_{name}": 1}) == [f"min_{name}"]
    assert refused({f"min_{name}": 1, f"max_{name}": 1}) == []


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_that_needs_an_order_contradicts_new_customers_only(name: str) -> None:
    """Each condition states whether a customer without orders can meet it."""
    value, is_possible = FOR_NEW_CUSTOMERS[name]

    assert refused({name: value}) == []
    assert refused({"new_customers_only": True, name: value}) == ([] if is_possible else [name])


@pytest.mark.parametrize("name", [name for name in CONDITIONS if name != "max_orders"])
def test_a_condition_that_needs_an_order_contradicts_max_orders_0(name: str) -> None:
    """`max_orders: 0` leaves the same customers as `new_customers_only`."""
    value, is_possible = FOR_NEW_CUSTOMERS[name]

    assert refused({"max_orders": 0, name: value}) == ([] if is_possible else [name])


def test_a_refusal_names_both_conditions() -> None:
    """The error is at one condition, and its text names the other."""
    with pytest.raises(InvalidMembers) as found:
        read_eligibility({"max_orders": 0, "min_spent": 5})

    assert [(each.field, each.detail) for each in found.value.faults] == [
        ("min_spent", "contradicts max_orders: 0, which leaves customers without any order")
    ]


class Customer(NamedTuple):
    """A possible customer. Without orders: nothing spent, no last order, nothing bought."""

    orders: int
    days: float | None
    spent: float
    bought: frozenset[str]


def possible_customers() -> Iterator[Customer]:
    yield Customer(0, None, 0, frozenset())
    tea, other = ({name, "Drinks", "Drinks > Tea"} for name in ("tea", "green tea"))
    for orders, days, spent, bought in product(
        (1, 2), (0, 1, 2), (0, 1, 2), ({"milk"}, tea, other)
    ):
        yield Customer(orders, days, spent, frozenset(bought))


def has_bought(customer: Customer, asked: dict[str, list[str]]) -> bool:
    return any(name in customer.bought for names in asked.values() for name in names)


# Each condition with values, and the customers that meet it.
SMALL: dict[str, tuple[list[Any], Callable[[Customer, Any], bool]]] = {
    "min_orders": ([0, 1, 2], lambda one, limit: one.orders >= limit),
    "max_orders": ([0, 1], lambda one, limit: one.orders <= limit),
    "min_days_since_last_order": (
        [0, 2],
        lambda one, limit: one.days is not None and one.days >= limit,
    ),
    "max_days_since_last_order": (
        [0, 1],
        lambda one, limit: one.days is not None and one.days <= limit,
    ),
    "min_spent": ([0, 2], lambda one, limit: one.spent >= limit),
    "max_spent": ([0, 1], lambda one, limit: one.spent <= limit),
    "bought": ([{"items": ["tea"]}, {"categories": ["Drinks > Tea"]}], has_bought),
    "not_bought": (
        [{"items": ["milk"]}, {"items": ["tea"]}, {"categories": ["Drinks"]}],
        lambda one, asked: not has_bought(one, asked),
    ),
    "new_customers_only": ([True], lambda one, _: one.orders == 0),
}
# The catalogue alone knows that tea is a drink, and it may change.
CATALOGUE_ALONE = ({"items": ["tea"]}, {"categories": ["Drinks"]})


@pytest.mark.parametrize("size", [2, 3])
def test_conditions_are_refused_exactly_if_no_customer_meets_them(size: int) -> None:
    """Each combination of conditions is compared with all customers that are possible."""
    customers, wrong = list(possible_customers()), []
    for names in combinations(SMALL, size):
        for values in product(*(SMALL[name][0] for name in names)):
            sent = dict(zip(names, values, strict=True))
            if (sent.get("bought"), sent.get("not_bought")) == CATALOGUE_ALONE:
                continue
            is_met = any(all(SMALL[name][1](one, sent[name]) for name in sent) for one in customers)
            if is_met is bool(refused(sent)):
                wrong.append(sent)

    assert wrong == []
