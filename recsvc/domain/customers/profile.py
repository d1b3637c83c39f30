"""Customer profiles: fields, validation, and the rules for partial changes. Pure.

Flags are stored with the consents, since the gate reads them on every request.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from recsvc.domain.consent.consent import Flag
from recsvc.domain.errors import BadRequest, FieldError
from recsvc.domain.values.attributes import (
    MAX_ATTRIBUTES,
    Value,
    merged_attributes,
    read_attributes,
)
from recsvc.domain.values.labels import LABEL_RULE
from recsvc.domain.values.validation import (
    OBJECT_RULE,
    InvalidMembers,
    InvalidValue,
    Rule,
    fault_within,
    label,
    list_of,
    mismatch,
    shortened_json,
    unknown_field,
)

MAX_SEGMENTS = 50

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Profile:
    """The profile of one customer. `customer_since` is an ISO 8601 date."""

    attributes: Mapping[str, Value] = field(default_factory=dict)
    segments: tuple[str, ...] = ()
    birth_month: int | None = None
    customer_since: str | None = None


NO_PROFILE = Profile()


@dataclass(frozen=True, slots=True)
class FlaggedProfile:
    """A profile and the flags that are set."""

    profile: Profile
    flags: frozenset[Flag] = frozenset()


NO_FLAGGED_PROFILE = FlaggedProfile(NO_PROFILE)


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """A validated change: values by field, and the flags to set or clear.

    An attribute with the value None is removed.
    """

    values: Mapping[str, Any]
    flags: Mapping[Flag, bool]

    def apply_to(self, profile: Profile) -> Profile:
        """Return the changed profile; raise `bad_profile` if it has too many attributes."""
        values = dict(self.values)
        if "attributes" in values:
            kept = merged_attributes(profile.attributes, values["attributes"])
            if len(kept) > MAX_ATTRIBUTES:
                raise _refusal([FieldError("attributes", f"{len(kept)}; {_ATTRIBUTES_RULE}")])
            values["attributes"] = kept
        return replace(profile, **values)

    def as_profile(self) -> Profile:
        """Return the change as a complete profile."""
        return self.apply_to(NO_PROFILE)


def read_change(given: Mapping[str, Any]) -> ProfileChange:
    """Validate a change; raise `bad_profile` with every fault."""
    values: dict[str, Any] = {}
    flags: dict[Flag, bool] = {}
    faults: list[FieldError] = []
    for name, value in given.items():
        if name in FLAGS:
            if value is True or value is False:
                flags[Flag(name)] = value
            else:
                faults.append(FieldError(name, f"{shortened_json(value)} is not true or false"))
        elif name == "attributes":
            faults += _attribute_faults(value)
            values[name] = value
        elif name in _FIELDS:
            try:
                values[name] = _FIELDS[name].read(value)
            except InvalidMembers as within:
                faults += [fault_within(name, fault) for fault in within.faults]
            except InvalidValue:
                faults.append(FieldError(name, mismatch(value, _FIELDS[name].rule)))
        else:
            faults.append(unknown_field(name, _NAMES))
    if faults:
        raise _refusal(faults)
    return ProfileChange(values, flags)


def _refusal(faults: list[FieldError]) -> BadRequest:
    detail = "; ".join(f"{fault.field}: {fault.detail}" for fault in faults)
    return BadRequest(detail, code="bad_profile", errors=faults)


def _attribute_faults(value: Any) -> list[FieldError]:
    try:
        given = sum(each is not None for each in read_attributes(value).values())
    except InvalidMembers as within:
        return [fault_within("attributes", fault) for fault in within.faults]
    except InvalidValue:
        return [FieldError("attributes", mismatch(value, OBJECT_RULE))]
    many = given > MAX_ATTRIBUTES
    return [FieldError("attributes", f"{given}; {_ATTRIBUTES_RULE}")] if many else []


@dataclass(frozen=True, slots=True)
class _Field:
    """The rule of a field and its reader. null clears the field."""

    rule: str
    read: Callable[[Any], Any]


def _segments(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return () if value == [] else _listed_segments(value)


def _month(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 12:
        raise InvalidValue
    return value


def _date(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise InvalidValue
    try:
        date.fromisoformat(value)
    except ValueError:
        raise InvalidValue from None
    return value


_listed_segments = list_of(Rule(f"a text of {LABEL_RULE}", label, str), MAX_SEGMENTS, "segments")
FLAGS = frozenset(str(flag) for flag in Flag)
_FIELDS: Mapping[str, _Field] = {
    "segments": _Field(f"a list of at most {MAX_SEGMENTS} texts of {LABEL_RULE}", _segments),
    "birth_month": _Field("a whole number from 1 to 12", _month),
    "customer_since": _Field("a date like 2024-05-31", _date),
}
_NAMES = ("attributes", *_FIELDS, *Flag)
_ATTRIBUTES_RULE = f"a customer has at most {MAX_ATTRIBUTES}"
