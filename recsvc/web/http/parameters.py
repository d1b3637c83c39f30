"""Query parameters, read strictly from the raw bytes, each by the rule that OpenAPI shows.

A parameter that is unknown, repeated, not UTF-8 or out of range is a 400 that names it. Flask's own
parser would replace bad bytes and keep one of two values.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar
from urllib.parse import unquote_to_bytes

from recsvc.domain.catalogue.list_query import DEFAULT_ITEMS, MAX_ITEMS
from recsvc.domain.errors import BadRequest, FieldError
from recsvc.domain.values.validation import mismatch, shortened_json

T = TypeVar("T")

MIN_ITEMS = 1


class Misread(ValueError):
    """A parameter's text breaks its rule."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter: its reader, its rule as text, and its default."""

    name: str
    meaning: str
    rule: str
    read: Callable[[str], Any]
    default: Any
    schema: Mapping[str, Any]
    most: int = 1  # occurrences; above 1 the value is a tuple


@dataclass(frozen=True, slots=True)
class QueryShape(Generic[T]):
    """The parameters of one route, and the constructor of the query value."""

    parameters: tuple[Parameter, ...]
    make: Callable[..., T]

    def read(self, query: str) -> T:
        """Read a raw query string (WSGI's QUERY_STRING)."""
        given = _pairs(query, self.parameters) if query else {}
        values = {
            parameter.name: _value(parameter, given[parameter.name])
            if parameter.name in given
            else parameter.default
            for parameter in self.parameters
        }
        return self.make(**values)


def number_of_items() -> Parameter:
    return whole_number("n", "Number of items in the answer", MIN_ITEMS, MAX_ITEMS, DEFAULT_ITEMS)


def whole_number(name: str, meaning: str, least: int, most: int, default: int) -> Parameter:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(most))):
            raise Misread
        number = int(text)
        if not least <= number <= most:
            raise Misread
        return number

    return Parameter(
        name=name,
        meaning=meaning,
        rule=f"a whole number from {least} to {most}, in digits",
        read=read,
        default=default,
        schema={"type": "integer", "minimum": least, "maximum": most, "default": default},
    )


def choice(name: str, meaning: str, choices: type[StrEnum]) -> Parameter:
    """Return a parameter that takes one of `choices`; the first is the default."""
    values = [str(value) for value in choices]
    return Parameter(
        name=name,
        meaning=meaning,
        rule="one of " + ", ".join(values),
        read=_reader_of(choices),
        default=next(iter(choices)),
        schema={"type": "string", "enum": values, "default": values[0]},
    )


def _reader_of(choices: type[StrEnum]) -> Callable[[str], StrEnum]:
    members = {str(member): member for member in choices}

    def read(text: str) -> StrEnum:
        if text not in members:
            raise Misread
        return members[text]

    return read


def _value(parameter: Parameter, texts: list[str]) -> Any:
    if len(texts) > parameter.most:
        raise bad_parameter(parameter.name, _too_often(len(texts), parameter.most))
    try:
        read = tuple(_read(parameter, text) for text in texts)
    except Misread as wrong:
        raise bad_parameter(parameter.name, mismatch(str(wrong), parameter.rule)) from None
    return read if parameter.most > 1 else read[0]


def _read(parameter: Parameter, text: str) -> Any:
    """Return the value of a text; raise Misread with the text."""
    try:
        return parameter.read(text)
    except Misread:
        raise Misread(text) from None


def _too_often(given: int, most: int) -> str:
    times = "once" if most == 1 else f"{most} times"
    return f"given {given} times; it is given at most {times}"


def _pairs(query: str, parameters: tuple[Parameter, ...]) -> dict[str, list[str]]:
    known = [parameter.name for parameter in parameters]
    given: dict[str, list[str]] = {}
    for part in filter(None, query.split("&")):
        raw_name, _, raw_value = part.partition("=")
        name = _decoded(raw_name)
        if name is None or name not in known:
            raise _unknown_parameter(name or raw_name, known)
        value = _decoded(raw_value)
        if value is None:
            raise bad_parameter(name, f"{shortened_json(raw_value)} is not valid UTF-8")
        given.setdefault(name, []).append(value)
    return given


def _decoded(raw: str) -> str | None:
    """Undo the percent encoding; None when the bytes are not UTF-8."""
    try:
        return unquote_to_bytes(raw.replace("+", " ").encode("latin-1")).decode()
    except UnicodeError:
        return None


def bad_parameter(name: str, fault: str) -> BadRequest:
    return BadRequest(f"{name}: {fault}", code="bad_parameter", errors=[FieldError(name, fault)])


def _unknown_parameter(name: str, known: list[str]) -> BadRequest:
    shown = name[:64].encode("unicode_escape").decode() or '""'
    return BadRequest(
        f"'{shown}' is not a parameter of this path",
        code="unknown_parameter",
        errors=[FieldError(shown, f"unknown; this path takes {', '.join(known) or 'none'}")],
    )
