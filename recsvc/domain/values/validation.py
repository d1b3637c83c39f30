"""Validation of the JSON objects that a shop sends. Pure.

A reader converts one value or raises `InvalidValue`. `read_object` applies a table of rules and
reports every fault by its path (`caps.per_customer.limit`), with the shortened value and the rule.
"""

import json
import math
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from recsvc.domain.errors import FieldError
from recsvc.domain.values.labels import label_fault
from recsvc.domain.values.timestamps import parse_rfc3339

MAX_SHOWN = 64  # characters of an invalid value that an error repeats
_MAX_LIST_FAULTS = 3  # an error must not be larger than the request
MAX_URL_LENGTH = 2048
URL_RULE = f"an http or https URL of at most {MAX_URL_LENGTH} characters"
FLAG_RULE = "true or false"
OBJECT_RULE = "an object"


class InvalidValue(ValueError):
    """The value does not match the rule of its field."""


def shortened_json(value: Any) -> str:
    """Return a value as ASCII JSON, shortened for an error message."""
    text = json.dumps(value, default=str)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def shown_name(name: str) -> str:
    """Return a member's name for an error: shortened, and as JSON unless every character shows."""
    is_visible = bool(name) and name == name.strip() and name.isprintable()
    return name[:MAX_SHOWN] if is_visible else shortened_json(name)


def unknown_field(name: str, known: Iterable[str]) -> FieldError:
    """Return the error for a member that its object does not have. `known`: its fields."""
    fields = ", ".join(known)
    detail = f"unknown; the fields are {fields}" if fields else "unknown; this object has no fields"
    return FieldError(shown_name(name), detail)


def mismatch(value: Any, rule: str, field: str = "") -> str:
    """Return the error for a value that does not match its rule, a noun phrase.

    A number gets the correct spelling of an id where the rule or the field's name is that of one.
    """
    is_id = rule.startswith(("an id", "the id")) or field.endswith("_id")
    if is_id and is_number(value):
        return number_as_id(value)
    return f"{shortened_json(value)} is not {rule}"


def number_as_id(value: float) -> str:
    """Return the error for a number in place of an id, with the correct spelling."""
    shown = shortened_json(value)
    return f'{shown} is not a string; ids are strings: "{shown}"'


def is_number(value: Any) -> TypeGuard[float]:
    """True for a JSON number; Python's bool is an int."""
    return isinstance(value, int | float) and not isinstance(value, bool)


class InvalidMembers(ValueError):
    """Some members of an object or list are invalid."""

    def __init__(self, faults: list[FieldError]) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.detail}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule of a field in words, its reader, and its type in the OpenAPI document.

    `schema` is an annotation as msgspec reads it, or an `ObjectSchema`. `default` is the value of
    an absent field.
    """

    rule: str
    read: Callable[[Any], Any]
    schema: Any
    default: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class ObjectSchema:
    """The name, description and fields of an object in the OpenAPI document."""

    name: str
    description: str
    fields: Mapping[str, Rule]
    required: tuple[str, ...] = ()


def read_object(given: Any, rules: Mapping[str, Rule]) -> dict[str, Any]:
    """Return the values by field. null counts as an absent field.

    Raises `InvalidValue` unless given an object, and `InvalidMembers` with every fault in it.
    """
    if not isinstance(given, dict):
        raise InvalidValue
    values: dict[str, Any] = {}
    faults: list[FieldError] = []
    for name, value in given.items():
        rule = rules.get(name)
        if rule is None:
            faults.append(unknown_field(name, rules))
        elif value is not None:
            try:
                values[name] = rule.read(value)
            except InvalidMembers as within:
                faults += [fault_within(name, fault) for fault in within.faults]
            except InvalidValue:
                faults.append(FieldError(name, mismatch(value, rule.rule)))
    if faults:
        raise InvalidMembers(faults)
    return values


def missing_members(
    values: Mapping[str, Any], rules: Mapping[str, Rule], *names: str
) -> list[FieldError]:
    return [
        FieldError(name, f"missing; it is {rules[name].rule}")
        for name in names
        if name not in values
    ]


def list_of(one: Rule, max_items: int, plural: str) -> Callable[[Any], tuple[Any, ...]]:
    """Read a list of 1 to `max_items` values without duplicates. `plural` names the values."""

    def read_list(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or not value:
            raise InvalidValue
        if len(value) > max_items:
            raise InvalidMembers(
                [FieldError("", f"{len(value):,} {plural}; at most {max_items:,} are allowed")]
            )
        faults = list[FieldError]()
        kept: dict[Any, None] = {}
        for index, each in enumerate(value):
            try:
                kept[one.read(each)] = None
            except InvalidValue:
                faults.append(FieldError(f"[{index}]", mismatch(each, one.rule)))
        if faults:
            raise InvalidMembers(faults[:_MAX_LIST_FAULTS])
        return tuple(kept)

    return read_list


def fault_within(name: str, fault: FieldError) -> FieldError:
    """Return the fault of a member with the path that begins at its object."""
    separator = "" if not fault.field or fault.field.startswith("[") else "."
    return FieldError(f"{name}{separator}{fault.field}", fault.detail)


def text(max_length: int) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= max_length:
            raise InvalidValue
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
            raise InvalidValue
        return value

    return read


def nonblank_text(max_length: int) -> Callable[[Any], str]:
    """Read a text that has a character other than white space."""
    read_text = text(max_length)

    def read(value: Any) -> str:
        found = read_text(value)
        if not found.strip():
            raise InvalidValue
        return found

    return read


def url(value: Any) -> str:
    given = text(MAX_URL_LENGTH)(value)
    try:
        parts = urlsplit(given)
    except ValueError:
        raise InvalidValue from None
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in given:
        raise InvalidValue
    return given


def label(value: Any) -> str:
    if not isinstance(value, str) or label_fault(value) is not None:
        raise InvalidValue
    return value


def flag(value: Any) -> bool:
    if value is not True and value is not False:
        raise InvalidValue
    return bool(value)


def moment(value: Any) -> int:
    at_us = parse_rfc3339(value) if isinstance(value, str) else None
    if at_us is None:
        raise InvalidValue
    return at_us


def number(minimum: float, maximum: float, *, above: bool = False) -> Callable[[Any], float]:
    """Read a finite number within limits; `above` excludes the minimum."""

    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidValue
        if not (math.isfinite(value) and minimum <= value <= maximum) or (
            above and value == minimum
        ):
            raise InvalidValue
        return float(value)

    return read


def whole(minimum: int, maximum: int) -> Callable[[Any], int]:
    """Read a whole number within limits."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            raise InvalidValue
        return value

    return read
