"""The conditions of an offer's eligibility, one field each. Pure.

`Eligibility` is the only declaration of a condition in the domain: its type, default, rule and
reader. `CONDITIONS`, the validation and the OpenAPI body follow from its fields. A new condition
also needs a compiler in `model/offers/eligibility.py`; without one the service does not start.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any

from msgspec import Meta

from recsvc.domain.errors import FieldError
from recsvc.domain.offers.field_rules import (
    AMOUNT,
    CATEGORIES,
    ITEMS,
    LABELS,
    MAX_DAYS,
    flag,
    whole_number,
)
from recsvc.domain.values import validation as readers
from recsvc.domain.values.attributes import (
    MAX_NAME_LENGTH,
    MAX_NUMBER,
    MAX_TEXT_LENGTH,
    NAME_RULE,
    VALUE_RULE,
    Value,
    is_attribute_name,
    is_attribute_value,
)
from recsvc.domain.values.ids import ItemId
from recsvc.domain.values.validation import (
    OBJECT_RULE,
    InvalidMembers,
    InvalidValue,
    ObjectSchema,
    Rule,
    fault_within,
    list_of,
    mismatch,
    read_object,
    shortened_json,
    shown_name,
)

MAX_VALUES = 100
MAX_ATTRIBUTES = 50
MAX_ORDERS = 10**9

_RULE = "rule"
_VALUES_RULE = f"{VALUE_RULE}, or a list of 1 to {MAX_VALUES} of these"


@dataclass(frozen=True, slots=True)
class Bought:
    """Items and categories. A customer who bought any of them matches."""

    items: tuple[ItemId, ...] = ()
    categories: tuple[str, ...] = ()


def _bought(given: Any) -> Bought:
    return Bought(**read_object(given, _BOUGHT.fields))


def _attributes(given: Any) -> dict[str, tuple[Value, ...]]:
    if not isinstance(given, dict) or len(given) > MAX_ATTRIBUTES:
        raise InvalidValue
    faults: list[FieldError] = []
    read: dict[str, tuple[Value, ...]] = {}
    for name, value in given.items():
        shown, is_list = shown_name(name), isinstance(value, list)
        if not is_attribute_name(name):
            faults.append(FieldError(shown, f"the name {shortened_json(name)} is not {NAME_RULE}"))
            continue
        try:
            read[name] = _VALUES(value) if is_list else (_value(value),)
        except InvalidMembers as within:
            faults += [fault_within(shown, fault) for fault in within.faults]
        except InvalidValue:
            faults.append(FieldError(shown, mismatch(value, _VALUES_RULE)))
    if faults:
        raise InvalidMembers(faults)
    return read


def _value(value: Any) -> Value:
    if not is_attribute_value(value):
        raise InvalidValue
    found: Value = value
    return found


_VALUES = list_of(Rule(VALUE_RULE, _value, Value), MAX_VALUES, "values")

_ORDERS = whole_number(0, MAX_ORDERS)
_DAYS = Rule(
    f"a number of days from 0 to {MAX_DAYS}",
    readers.number(0, MAX_DAYS),
    Annotated[float, Meta(ge=0, le=MAX_DAYS)],
)
_SPENT = replace(AMOUNT, rule="a number from 0 to 1e12")
_FLAG = flag(default=False)
_FEW = Meta(min_length=1, max_length=MAX_VALUES)
AttributeName = Annotated[str, Meta(min_length=1, max_length=MAX_NAME_LENGTH)]
AttributeValue = (
    Annotated[str, Meta(max_length=MAX_TEXT_LENGTH)]
    | Annotated[float, Meta(ge=-MAX_NUMBER, le=MAX_NUMBER)]
    | bool
)
_ATTRIBUTES = Rule(
    f"{OBJECT_RULE} of at most {MAX_ATTRIBUTES} attributes, each with {_VALUES_RULE}",
    _attributes,
    Annotated[
        dict[AttributeName, AttributeValue | Annotated[list[AttributeValue], _FEW]],
        Meta(max_length=MAX_ATTRIBUTES),
    ],
)
_BOUGHT = ObjectSchema(
    "BoughtBody",
    "Items and categories. A customer who bought any of them matches.",
    {"items": ITEMS, "categories": CATEGORIES},
)
_BOUGHT_RULE = Rule(f"{OBJECT_RULE} of items and categories", _bought, _BOUGHT)


_NO_PURCHASES = Bought()


def _condition(rule: Rule, default: Any = None) -> Any:
    """Declare a condition. The default value sets no condition."""
    return field(default=default, metadata={_RULE: rule})


@dataclass(frozen=True, slots=True)
class Eligibility:
    """The conditions that a customer must meet, all of them, to get an offer. Limits are inclusive.

    A condition is not met when the fact that it needs is unknown. Months are in UTC.
    """

    min_orders: int | None = _condition(_ORDERS)
    max_orders: int | None = _condition(_ORDERS)
    min_days_since_last_order: float | None = _condition(_DAYS)
    max_days_since_last_order: float | None = _condition(_DAYS)
    min_spent: float | None = _condition(_SPENT)
    max_spent: float | None = _condition(_SPENT)
    segments: tuple[str, ...] = _condition(LABELS, ())  # the customer is in any one
    attributes: Mapping[str, tuple[Value, ...]] = field(  # each attribute has any of its values
        default_factory=dict, metadata={_RULE: _ATTRIBUTES}
    )
    bought: Bought = field(default=_NO_PURCHASES, metadata={_RULE: _BOUGHT_RULE})
    not_bought: Bought = field(default=_NO_PURCHASES, metadata={_RULE: _BOUGHT_RULE})
    new_customers_only: bool = _condition(_FLAG, default=False)  # customers without any order
    birthday_month: bool = _condition(_FLAG, default=False)
    anniversary_month: bool = _condition(_FLAG, default=False)  # of `customer_since`; not year 0


CONDITIONS: Mapping[str, Rule] = {each.name: each.metadata[_RULE] for each in fields(Eligibility)}
ELIGIBILITY = ObjectSchema(
    "EligibilityBody",
    "Conditions that a customer must meet. A condition whose fact is unknown is not met.",
    CONDITIONS,
)
ANY_CUSTOMER = Eligibility()  # no condition
