"""Conditions that no customer can meet together are refused, for every condition."""

from typing import Any

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
