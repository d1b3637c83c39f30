"""How single values of a shop's own bodies are read; each raises `Wrong` for what is not right."""

import math
import unicodedata
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from recsvc.domain.fields import Wrong
from recsvc.domain.values.labels import label_fault
from recsvc.domain.values.timestamps import parse_rfc3339

MAX_URL_LENGTH = 2048
URL_RULE = f"an http or https URL of at most {MAX_URL_LENGTH} characters"
FLAG_RULE = "true or false"


def text(most: int) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= most:
            raise Wrong
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
            raise Wrong
        return value

    return read


def words(most: int) -> Callable[[Any], str]:
    """Read a text in which there is more than blanks."""
    of_length = text(most)

    def read(value: Any) -> str:
        found = of_length(value)
        if not found.strip():
            raise Wrong
        return found

    return read


def url(value: Any) -> str:
    given = text(MAX_URL_LENGTH)(value)
    try:
        parts = urlsplit(given)
    except ValueError:
        raise Wrong from None
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in given:
        raise Wrong
    return given


def label(value: Any) -> str:
    if not isinstance(value, str) or label_fault(value) is not None:
        raise Wrong
    return value


def flag(value: Any) -> bool:
    if value is not True and value is not False:
        raise Wrong
    return bool(value)


def moment(value: Any) -> int:
    at_us = parse_rfc3339(value) if isinstance(value, str) else None
    if at_us is None:
        raise Wrong
    return at_us


def number(least: float, most: float, *, above: bool = False) -> Callable[[Any], float]:
    """Read a finite number within limits; `above`: greater than `least`."""

    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Wrong
        if not (math.isfinite(value) and least <= value <= most) or (above and value == least):
            raise Wrong
        return float(value)

    return read


def whole(least: int, most: int) -> Callable[[Any], int]:
    """Read a whole number within limits."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise Wrong
        return value

    return read
