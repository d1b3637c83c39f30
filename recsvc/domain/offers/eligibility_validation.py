"""Read an eligibility and refuse conditions that no customer can meet together. Pure."""

from typing import Any

from recsvc.domain.catalogue.category_paths import covers
from recsvc.domain.errors import FieldError
from recsvc.domain.offers.eligibility import CONDITIONS, Bought, Eligibility
from recsvc.domain.values.validation import InvalidMembers, read_object

_RANGES = ("orders", "days_since_last_order", "spent")


def read_eligibility(given: Any) -> Eligibility:
    """Return the eligibility; raise `InvalidMembers` if its conditions exclude every customer."""
    eligibility = Eligibility(**read_object(given, CONDITIONS))
    faults = [
        *_crossed_limits(eligibility),
        *_impossible_without_orders(eligibility),
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


def _impossible_without_orders(eligibility: Eligibility) -> list[FieldError]:
    """Find conditions that a customer without orders cannot meet, if only such a customer is left.

    A customer without orders has spent 0 and has no days since the last order.
    """
    causes = [
        name
        for name, is_given in (
            ("new_customers_only", eligibility.new_customers_only),
            ("max_orders", eligibility.max_orders == 0),
        )
        if is_given
    ]
    if not causes:
        return []
    given = {
        "min_orders": eligibility.min_orders,
        "min_days_since_last_order": eligibility.min_days_since_last_order is not None,
        "max_days_since_last_order": eligibility.max_days_since_last_order is not None,
        "min_spent": eligibility.min_spent,
        "bought": eligibility.bought != Bought(),
    }
    (cause, *_), shown = causes, _SHOWN[causes[0]]
    return [
        FieldError(name, f"contradicts {cause}: {shown}, which leaves customers without any order")
        for name, is_given in given.items()
        if is_given and not (name == "min_orders" and cause == "max_orders")  # crossed limits
    ]


_SHOWN = {"new_customers_only": "true", "max_orders": "0"}


def _bought_conflicts(eligibility: Eligibility) -> list[FieldError]:
    """Refuse a `bought` whose items and categories are all excluded by `not_bought`.

    A category of `not_bought` excludes its children, since they count as bought in it.
    """
    must, must_not = eligibility.bought, eligibility.not_bought
    categories = [
        category
        for category in must.categories
        if not any(covers(excluded, category) for excluded in must_not.categories)
    ]
    if {*must.items} - {*must_not.items} or categories or must == Bought():
        return []
    return [FieldError("not_bought", "contains all of bought; no customer can meet both")]
