"""Read an eligibility and refuse conditions that no customer can meet together. Pure."""

from typing import Any

from recsvc.domain.errors import FieldError
from recsvc.domain.offers.eligibility import CONDITIONS, Bought, Eligibility
from recsvc.domain.values.validation import InvalidMembers, read_object

_RANGES = ("orders", "days_since_last_order", "spent")


def read_eligibility(given: Any) -> Eligibility:
    """Return the eligibility; raise `InvalidMembers` if its conditions exclude every customer."""
    eligibility = Eligibility(**read_object(given, CONDITIONS))
    faults = [
        *_crossed_limits(eligibility),
        *_impossible_for_new_customers(eligibility),
        *_bought_conflicts(eligibility),
    ]
    if faults:
        raise InvalidMembers(faults)
    return eligibility


def _crossed_limits(eligibility: Eligibility) -> list[FieldError]:
    """Find ranges whose minimum is above their maximum."""
    faults = []
    for name in _RANGES:
        least, most = getattr(eligibility, f"min_{name}"), getattr(eligibility, f"max_{name}")
        if least is not None and most is not None and least > most:
            faults.append(FieldError(f"min_{name}", f"{least:g} is above max_{name}, {most:g}"))
    return faults


def _impossible_for_new_customers(eligibility: Eligibility) -> list[FieldError]:
    """Find conditions that a customer without orders cannot meet."""
    if not eligibility.new_customers_only:
        return []
    given = {
        "min_orders": eligibility.min_orders,
        "min_days_since_last_order": eligibility.min_days_since_last_order is not None,
        "max_days_since_last_order": eligibility.max_days_since_last_order is not None,
        "min_spent": eligibility.min_spent,
        "bought": eligibility.bought != Bought(),
    }
    return [
        FieldError(name, "contradicts new_customers_only: a new customer has no order")
        for name, is_given in given.items()
        if is_given
    ]


def _bought_conflicts(eligibility: Eligibility) -> list[FieldError]:
    """Refuse a `bought` whose items and categories are all in `not_bought`."""
    must, must_not = eligibility.bought, eligibility.not_bought
    left = {*must.items} - {*must_not.items} or {*must.categories} - {*must_not.categories}
    if left or must == Bought():
        return []
    return [FieldError("not_bought", "contains all of bought; no customer can meet both")]
