"""Errors of JSON bodies: each names the field, the value and the correct form.

msgspec reports the first fault as text, with a JSON path (`$.placements[0].context_item`). The
path leads to the value in the parsed body and to the fields of the object around it.
"""

import re
from collections.abc import Iterator
from typing import Any

from msgspec import inspect

from recsvc.domain.errors import BadRequest, FieldError
from recsvc.domain.values.validation import is_number, mismatch, number_as_id, unknown_field
from recsvc.web.http.type_rules import rule_of

_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_ID_NAMES = {"into", "items", "exclude", "context_item"}


def bad_body(message: str, parsed: Any, shape: Any) -> BadRequest:
    """Return the refusal for msgspec's `message` about a parsed body of this shape."""
    fault, _, path = message.partition(" - at ")
    path = path.strip("`").removeprefix("$")
    steps = [name or int(index) for name, index in _STEP.findall(path)]
    unknown, missing = _UNKNOWN.fullmatch(fault), _MISSING.fullmatch(fault)
    if unknown is not None:
        error = unknown_field(unknown[1], _fields_at(shape, steps))
        field, detail = _joined(path, error.field), error.detail
    elif missing is not None:
        field = _joined(path, missing[1])
        detail = f"missing; it is {rule_of(_type_at(shape, [*steps, missing[1]]))}"
    else:
        field, detail = _joined(path) or "body", _wrong_value(fault, parsed, shape, steps)
    return BadRequest(f"{field}: {detail}", code="bad_body", errors=[FieldError(field, detail)])


def _wrong_value(fault: str, parsed: Any, shape: Any, steps: list[str | int]) -> str:
    value = _value_at(parsed, steps)
    if fault.startswith("Expected `str") and is_number(value) and _names_id(steps):
        return number_as_id(value)
    rule = rule_of(_type_at(shape, steps))
    if isinstance(value, list) and fault.startswith("Expected `array` of length"):
        return f"{len(value)} elements are not {rule}"
    return mismatch(value, rule)


def _joined(path: str, *names: str) -> str:
    return ".".join(filter(None, (path.removeprefix("."), *names)))


def _names_id(steps: list[str | int]) -> bool:
    name = next((step for step in reversed(steps) if isinstance(step, str)), "")
    return name.endswith("_id") or name in _ID_NAMES


def _value_at(parsed: Any, steps: list[str | int]) -> Any:
    for step in steps:
        try:
            parsed = parsed[step]
        except (LookupError, TypeError):
            return None
    return parsed


def _fields_at(shape: Any, steps: list[str | int]) -> list[str]:
    """Return the fields of the object that the steps lead to."""
    found = _type_at(shape, steps)
    return [
        field.encode_name
        for each in _alternatives(found)
        if isinstance(each, inspect.StructType)
        for field in each.fields
    ]


def _type_at(shape: Any, steps: list[str | int]) -> inspect.Type:
    found = inspect.type_info(shape)
    for step in steps:
        found = next(_members(found, step), found)
    return found


def _members(found: inspect.Type, step: str | int) -> Iterator[inspect.Type]:
    for each in _alternatives(found):
        if isinstance(each, inspect.StructType):
            yield from (field.type for field in each.fields if field.encode_name == step)
        elif isinstance(each, inspect.ListType):
            yield each.item_type


def _alternatives(found: inspect.Type) -> tuple[inspect.Type, ...]:
    if isinstance(found, inspect.Metadata):
        return _alternatives(found.type)
    return found.types if isinstance(found, inspect.UnionType) else (found,)
