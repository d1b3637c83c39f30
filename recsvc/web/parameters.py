"""Query parameters: read strictly, from the raw bytes, each by a rule that the OpenAPI shows.

Nothing is guessed: a parameter that is unknown, repeated, not UTF-8 or out of its range is a
400 that names it. Flask's own parsing would replace bad bytes and keep one of two values.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar
from urllib.parse import unquote_to_bytes

from recsvc.domain.errors import BadRequest, FieldError

T = TypeVar("T")

MIN_ITEMS = 1
MAX_ITEMS = 100
DEFAULT_ITEMS = 10


class Misread(ValueError):
    """A parameter's text is not what its rule says."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter: how its text is read, what is right, and what it is when absent."""

    name: str
    meaning: str
    rule: str
    read: Callable[[str], Any]
    default: Any
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class QueryShape(Generic[T]):
    """The parameters that one route takes, and what they are made into."""

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
    return Parameter(
        name="n",
        meaning="How many items to answer",
        rule=f"a whole number from {MIN_ITEMS} to {MAX_ITEMS}, in digits",
        read=_read_number,
        default=DEFAULT_ITEMS,
        schema={
            "type": "integer",
            "minimum": MIN_ITEMS,
            "maximum": MAX_ITEMS,
            "default": DEFAULT_ITEMS,
        },
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


def _read_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 3):
        raise Misread
    number = int(text)
    if not MIN_ITEMS <= number <= MAX_ITEMS:
        raise Misread
    return number


def _reader_of(choices: type[StrEnum]) -> Callable[[str], StrEnum]:
    members = {str(member): member for member in choices}

    def read(text: str) -> StrEnum:
        if text not in members:
            raise Misread
        return members[text]

    return read


def _value(parameter: Parameter, text: str) -> Any:
    try:
        return parameter.read(text)
    except Misread:
        raise bad_parameter(parameter.name, f"must be {parameter.rule}") from None


def _pairs(query: str, parameters: tuple[Parameter, ...]) -> dict[str, str]:
    known = [parameter.name for parameter in parameters]
    given: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        raw_name, _, raw_value = part.partition("=")
        name = _decoded(raw_name)
        if name is None or name not in known:
            raise _unknown_parameter(name or raw_name, known)
        value = _decoded(raw_value)
        if value is None:
            raise bad_parameter(name, "is not valid UTF-8")
        if name in given:
            raise bad_parameter(name, "is given more than once")
        given[name] = value
    return given


def _decoded(raw: str) -> str | None:
    """Undo the percent encoding; None when the bytes are not UTF-8."""
    try:
        return unquote_to_bytes(raw.replace("+", " ").encode("latin-1")).decode()
    except UnicodeError:
        return None


def bad_parameter(name: str, fault: str) -> BadRequest:
    return BadRequest(f"{name} {fault}", code="bad_parameter", errors=[FieldError(name, fault)])


def _unknown_parameter(name: str, known: list[str]) -> BadRequest:
    shown = name[:64].encode("unicode_escape").decode()
    return BadRequest(
        f"'{shown}' is no parameter of this path",
        code="unknown_parameter",
        errors=[FieldError(shown, f"unknown; this path takes {', '.join(known) or 'none'}")],
    )
