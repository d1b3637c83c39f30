"""Attributes: named texts, numbers and truth values of a customer or an item. Pure."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from recsvc.domain.errors import FieldError
from recsvc.domain.values.validation import (
    InvalidMembers,
    InvalidValue,
    mismatch,
    shortened_json,
    shown_name,
)

MAX_ATTRIBUTES = 50
MAX_NAME_LENGTH = 64
MAX_TEXT_LENGTH = 256
MAX_NUMBER = 1e15

Value = str | bool | int | float

NAME_RULE = f"a text of 1 to {MAX_NAME_LENGTH} characters, none of them a control character"
VALUE_RULE = (
    f"a text of at most {MAX_TEXT_LENGTH} characters, none of them a control character, a number "
    f"within ±{MAX_NUMBER:.0e}, true or false"
)


def read_attributes(value: Any) -> dict[str, Value | None]:
    """Return an object of attributes; null is a valid value, and the number is not limited.

    Raises InvalidValue unless given an object, and InvalidMembers with every fault in it.
    """
    if not isinstance(value, dict):
        raise InvalidValue
    faults = [fault for name, each in value.items() if (fault := _fault(name, each)) is not None]
    if faults:
        raise InvalidMembers(faults)
    return value


def _fault(name: str, value: Any) -> FieldError | None:
    if not is_attribute_name(name):
        return FieldError(shown_name(name), f"the name {shortened_json(name)} is not {NAME_RULE}")
    if value is not None and not is_attribute_value(value):
        return FieldError(shown_name(name), mismatch(value, VALUE_RULE))
    return None


def merged_attributes(
    held: Mapping[str, Value], given: Mapping[str, Value | None]
) -> dict[str, Value]:
    """Return the attributes with the given ones replaced; None removes an attribute."""
    merged = {**held, **given}
    return {name: value for name, value in merged.items() if value is not None}


def is_attribute_name(text: str) -> bool:
    return _is_text(text, MAX_NAME_LENGTH, min_length=1)


def is_attribute_value(value: Any) -> bool:
    if isinstance(value, bool):
        return True
    if isinstance(value, str):
        return _is_text(value, MAX_TEXT_LENGTH, min_length=0)
    return isinstance(value, int | float) and abs(value) <= MAX_NUMBER  # false for NaN


def _is_text(text: str, max_length: int, min_length: int) -> bool:
    if not min_length <= len(text) <= max_length:
        return False
    return all(unicodedata.category(character) not in ("Cc", "Cs") for character in text)
