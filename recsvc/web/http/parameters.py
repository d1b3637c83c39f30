"""Query parameters, read strictly from the raw bytes, each by the rule that OpenAPI shows.

A parameter that is unknown, repeated, not UTF-8 or out of range is a 400 that names it. Flask's own
parser would replace bad bytes and keep one of two values.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar
from urllib.parse import unquote_to_bytes

from recsvc.domain.catalogue.list_query import (
    DEFAULT_ITEMS,
    MAX_EXCLUDED,
    MAX_ITEMS,
    MAX_NAMES,
    MAX_OFFSET,
    Filters,
    ListQuery,
)
from recsvc.domain.errors import BadRequest, FieldError
from recsvc.domain.values.ids import ID_RULE, MAX_ID_BYTES, ItemId, id_fault
from recsvc.usecases.recommend.answers import CATALOGUE_FIELDS

T = TypeVar("T")

_DECIMAL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?", re.ASCII)
_ID_SCHEMA = {"type": "string", "minLength": 1, "maxLength": MAX_ID_BYTES}

MIN_ITEMS = 1
MAX_NAME_LENGTH = 512
OFFSET_RULE = "cannot be combined with diversity above 0"


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


def list_parameters() -> tuple[Parameter, ...]:
    """Return the parameters of every list, as `list_query` takes them."""
    return (
        number_of_items(),
        whole_number(
            "offset",
            "Number of items to leave out at the start of the list: continues an earlier answer "
            "of the same `model_version`; not with `diversity` above 0",
            0,
            MAX_OFFSET,
            0,
        ),
        _names("category", "Only items of this category"),
        _names("brand", "Only items of this brand"),
        _price("min_price", "Only items at this price or above"),
        _price("max_price", "Only items at this price or below"),
        Parameter(
            name="exclude",
            meaning="An item that must not be in the answer",
            rule=f"{ID_RULE}; at most {MAX_EXCLUDED} times",
            read=_read_id,
            default=(),
            schema=_ID_SCHEMA,
            most=MAX_EXCLUDED,
        ),
        Parameter(
            name="context_item",
            meaning="The item on the visitor's page: its neighbours come first",
            rule=ID_RULE,
            read=_read_id,
            default=None,
            schema=_ID_SCHEMA,
        ),
        Parameter(
            name="diversity",
            meaning="How much the items of a list should differ, by category and neighbours; 0 "
            "keeps the ranking; absent: `popular` and `trending` have at most two items of a "
            "category among the first five",
            rule="a decimal number from 0 to 1",
            read=_read_diversity,
            default=None,
            schema={"type": "number", "minimum": 0, "maximum": 1},
        ),
        Parameter(
            name="fields",
            meaning="Catalogue fields to add to each item, joined with commas",
            rule="of " + ",".join(CATALOGUE_FIELDS),
            read=_read_fields,
            default=(),
            schema={"type": "string", "example": "title,price"},
        ),
    )


def list_query(
    n: int,
    offset: int,
    category: tuple[str, ...],
    brand: tuple[str, ...],
    min_price: float | None,
    max_price: float | None,
    exclude: tuple[ItemId, ...],
    context_item: ItemId | None,
    diversity: float | None,
    fields: tuple[str, ...],
) -> ListQuery:
    if offset and diversity:
        raise bad_parameter("offset", OFFSET_RULE)
    if min_price is not None and max_price is not None and min_price > max_price:
        raise bad_parameter("max_price", "must be min_price or more")
    filters = Filters(category, brand, min_price, max_price)
    return ListQuery(n, filters, exclude, context_item, fields, diversity, offset)


def _names(name: str, meaning: str) -> Parameter:
    return Parameter(
        name=name,
        meaning=f"{meaning}; repeat it to allow several",
        rule=f"1 to {MAX_NAME_LENGTH} characters; at most {MAX_NAMES} times",
        read=_read_name,
        default=(),
        schema={"type": "string", "minLength": 1, "maxLength": MAX_NAME_LENGTH},
        most=MAX_NAMES,
    )


def _price(name: str, meaning: str) -> Parameter:
    return Parameter(
        name=name,
        meaning=meaning,
        rule="a decimal number from 0, as 19.99",
        read=_read_decimal,
        default=None,
        schema={"type": "number", "minimum": 0},
    )


def _read_name(text: str) -> str:
    if not 0 < len(text) <= MAX_NAME_LENGTH:
        raise Misread
    return text


def _read_id(text: str) -> ItemId:
    if id_fault(text) is not None:
        raise Misread
    return ItemId(text)


def _read_decimal(text: str) -> float:
    if not _DECIMAL.fullmatch(text):
        raise Misread
    return float(text)


def _read_diversity(text: str) -> float:
    number = _read_decimal(text)
    if number > 1:
        raise Misread
    return number


def _read_fields(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    if not set(names) <= set(CATALOGUE_FIELDS):
        raise Misread
    return names


def _reader_of(choices: type[StrEnum]) -> Callable[[str], StrEnum]:
    members = {str(member): member for member in choices}

    def read(text: str) -> StrEnum:
        if text not in members:
            raise Misread
        return members[text]

    return read


def _value(parameter: Parameter, texts: list[str]) -> Any:
    if len(texts) > parameter.most:
        raise bad_parameter(parameter.name, _too_often(parameter.most))
    try:
        if parameter.most > 1:
            return tuple(map(parameter.read, texts))
        return parameter.read(texts[0])
    except Misread:
        raise bad_parameter(parameter.name, f"must be {parameter.rule}") from None


def _too_often(most: int) -> str:
    return "is given more than once" if most == 1 else f"is given more than {most} times"


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
            raise bad_parameter(name, "is not valid UTF-8")
        given.setdefault(name, []).append(value)
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
    shown = name[:64].encode("unicode_escape").decode() or '""'
    return BadRequest(
        f"'{shown}' is not a parameter of this path",
        code="unknown_parameter",
        errors=[FieldError(shown, f"unknown; this path takes {', '.join(known) or 'none'}")],
    )
