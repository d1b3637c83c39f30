"""The fields of an offer's eligibility and caps: what is right in each and together. Pure.

There is no code in an eligibility: every condition is a field with a type.
"""

from collections.abc import Mapping
from typing import Any

from recsvc.domain.customers.profile import MAX_NAME_LENGTH, MAX_NUMBER, MAX_TEXT_LENGTH, Value
from recsvc.domain.errors import FieldError
from recsvc.domain.offers.offer import Bought, Caps, Eligibility, PeriodCap
from recsvc.domain.values import validation as readers
from recsvc.domain.values.ids import ID_RULE, ItemId, id_fault
from recsvc.domain.values.labels import LABEL_RULE
from recsvc.domain.values.validation import (
    MAX_SHOWN,
    OBJECT_RULE,
    InvalidMembers,
    InvalidValue,
    Rule,
    list_of,
    missing_members,
    read_object,
    shortened_json,
)

MAX_ITEMS = 20_000
MAX_LABELS = 1_000
MAX_VALUES = 100
MAX_CONDITIONS = 50
MAX_COUNT = 10**9
MAX_PER_CUSTOMER = 1_000  # what is counted of one customer is kept one by one
MAX_DAYS = 36_500


def read_caps(given: Any) -> Caps:
    return Caps(**read_object(given, CAPS))


def read_eligibility(given: Any) -> Eligibility:
    """Read who an offer is for; raise `InvalidMembers` where nobody can meet all of it."""
    eligibility = Eligibility(**read_object(given, ELIGIBILITY))
    faults = [
        *_crossed_limits(eligibility),
        *_impossible_for_new_customers(eligibility),
        *_bought_conflicts(eligibility),
    ]
    if faults:
        raise InvalidMembers(faults)
    return eligibility


def _period_cap(given: Any) -> PeriodCap:
    values = read_object(given, _PERIOD_CAP)
    missing = missing_members(values, _PERIOD_CAP, "limit")
    if missing:
        raise InvalidMembers(missing)
    return PeriodCap(**values)


def _item(value: Any) -> ItemId:
    if not isinstance(value, str) or id_fault(value) is not None:
        raise InvalidValue
    return ItemId(value)


def _bought(given: Any) -> Bought:
    return Bought(**read_object(given, _BOUGHT))


def _attributes(given: Any) -> dict[str, tuple[Value, ...]]:
    if not isinstance(given, dict) or len(given) > MAX_CONDITIONS:
        raise InvalidValue
    faults: list[FieldError] = []
    read: dict[str, tuple[Value, ...]] = {}
    for name, value in given.items():
        wanted = value if isinstance(value, list) else [value]
        try:
            _NAME(name)
            read[name] = _VALUES(wanted)
        except (InvalidValue, InvalidMembers):
            faults.append(
                FieldError(name[:MAX_SHOWN], f"{shortened_json(value)} is not {_VALUES_RULE}")
            )
    if faults:
        raise InvalidMembers(faults)
    return read


def _value(value: Any) -> Value:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _TEXT(value)
    return value if _NUMBER(value) is not None else 0


def _crossed_limits(eligibility: Eligibility) -> list[FieldError]:
    """Find limits of which the least is above the most."""
    faults = []
    for name in ("orders", "days_since_last_order", "spent"):
        least, most = getattr(eligibility, f"min_{name}"), getattr(eligibility, f"max_{name}")
        if least is not None and most is not None and least > most:
            faults.append(FieldError(f"min_{name}", f"{least:g} is above max_{name}, {most:g}"))
    return faults


def _impossible_for_new_customers(eligibility: Eligibility) -> list[FieldError]:
    """Find what a customer without any order cannot meet."""
    if not eligibility.new_customers_only:
        return []
    asked = {
        "min_orders": eligibility.min_orders,
        "min_days_since_last_order": eligibility.min_days_since_last_order is not None,
        "max_days_since_last_order": eligibility.max_days_since_last_order is not None,
        "min_spent": eligibility.min_spent,
        "bought": eligibility.bought != Bought(),
    }
    return [
        FieldError(name, "with new_customers_only: whoever has no order yet cannot meet it")
        for name, is_asked in asked.items()
        if is_asked
    ]


def _bought_conflicts(eligibility: Eligibility) -> list[FieldError]:
    """Find that nothing is left to have bought."""
    must, must_not = eligibility.bought, eligibility.not_bought
    left = {*must.items} - {*must_not.items} or {*must.categories} - {*must_not.categories}
    if left or must == Bought():
        return []
    return [
        FieldError("not_bought", "all that is in bought is in it as well: nobody can meet both")
    ]


_COUNT = Rule(f"a whole number from 1 to {MAX_COUNT}", readers.whole(1, MAX_COUNT))
_ORDERS = Rule(f"a whole number from 0 to {MAX_COUNT}", readers.whole(0, MAX_COUNT))
_DAYS = Rule(f"a number of days from 0 to {MAX_DAYS}", readers.number(0, MAX_DAYS))
_SPENT = Rule("a number from 0 to 1e12", readers.number(0, 1e12))
_FLAG = Rule(readers.FLAG_RULE, readers.flag)
_NAME = readers.text(MAX_NAME_LENGTH)
_TEXT = readers.text(MAX_TEXT_LENGTH)
_NUMBER = readers.number(-MAX_NUMBER, MAX_NUMBER)
_VALUES_RULE = f"a text, a number, true or false, or a list of 1 to {MAX_VALUES} of them"
_VALUES = list_of(Rule("a value", _value), MAX_VALUES, "values")
_LABEL = Rule(f"a text of {LABEL_RULE}", readers.label)

LABELS = Rule(
    f"a list of 1 to {MAX_LABELS:,} texts of {LABEL_RULE}", list_of(_LABEL, MAX_LABELS, "names")
)
ITEMS = Rule(
    f"a list of 1 to {MAX_ITEMS:,} item ids",
    list_of(Rule(f"an id: {ID_RULE}", _item), MAX_ITEMS, "items"),
)

_PERIOD_CAP: Mapping[str, Rule] = {
    "limit": Rule(
        f"a whole number from 1 to {MAX_PER_CUSTOMER}", readers.whole(1, MAX_PER_CUSTOMER)
    ),
    "period_days": Rule(f"a whole number of days from 1 to {MAX_DAYS}", readers.whole(1, MAX_DAYS)),
}
_PER_CUSTOMER = Rule(f'{OBJECT_RULE} as {{"limit": 2, "period_days": 30}}', _period_cap)
_BOUGHT: Mapping[str, Rule] = {"items": ITEMS, "categories": LABELS}
_BOUGHT_RULE = Rule(f"{OBJECT_RULE} of items and categories", _bought)

CAPS: Mapping[str, Rule] = {
    "per_customer": _PER_CUSTOMER,
    "per_customer_shown": _PER_CUSTOMER,
    "total_shown": _COUNT,
    "total_redeemed": _COUNT,
}
ELIGIBILITY: Mapping[str, Rule] = {
    "min_orders": _ORDERS,
    "max_orders": _ORDERS,
    "min_days_since_last_order": _DAYS,
    "max_days_since_last_order": _DAYS,
    "min_spent": _SPENT,
    "max_spent": _SPENT,
    "segments": LABELS,
    "attributes": Rule(
        f"{OBJECT_RULE} of at most {MAX_CONDITIONS} attributes, each with {_VALUES_RULE}",
        _attributes,
    ),
    "bought": _BOUGHT_RULE,
    "not_bought": _BOUGHT_RULE,
    "new_customers_only": _FLAG,
    "birthday_month": _FLAG,
    "anniversary_month": _FLAG,
}
