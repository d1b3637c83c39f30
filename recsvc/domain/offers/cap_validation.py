"""Validation of an offer's caps. Pure."""

from typing import Any

from recsvc.domain.offers.field_rules import MAX_DAYS, whole_number
from recsvc.domain.offers.offer import Caps, PeriodCap
from recsvc.domain.values.validation import (
    OBJECT_RULE,
    InvalidMembers,
    ObjectSchema,
    Rule,
    missing_members,
    read_object,
)

MAX_COUNT = 10**9
MAX_PER_CUSTOMER = 1_000  # claims and impressions of one customer are stored one by one


def read_caps(given: Any) -> Caps:
    return Caps(**read_object(given, CAPS.fields))


def _period_cap(given: Any) -> PeriodCap:
    values = read_object(given, _PERIOD_CAP.fields)
    missing = missing_members(values, _PERIOD_CAP.fields, *_PERIOD_CAP.required)
    if missing:
        raise InvalidMembers(missing)
    return PeriodCap(**values)


_PERIOD_CAP = ObjectSchema(
    "PeriodCapBody",
    "At most `limit` for one customer within any `period_days` consecutive days; null: in total.",
    {
        "limit": whole_number(1, MAX_PER_CUSTOMER),
        "period_days": whole_number(1, MAX_DAYS, "days"),
    },
    required=("limit",),
)
_PER_CUSTOMER = Rule(
    f'{OBJECT_RULE} as {{"limit": 2, "period_days": 30}}', _period_cap, _PERIOD_CAP
)
_TOTAL = whole_number(1, MAX_COUNT)

CAPS = ObjectSchema(
    "CapsBody",
    "Caps of an offer; null: no cap. `per_customer`: claims of one customer, held or redeemed. "
    "`per_customer_shown`: `offer_shown` events of one customer. `total_shown`: `offer_shown` "
    "events of all customers. `total_redeemed`: claims of all customers, held or redeemed.",
    {
        "per_customer": _PER_CUSTOMER,
        "per_customer_shown": _PER_CUSTOMER,
        "total_shown": _TOTAL,
        "total_redeemed": _TOTAL,
    },
)
