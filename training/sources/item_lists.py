"""The columns of a catalogue file that hold several values: further categories and attributes."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from recsvc.domain.catalogue.category_paths import InvalidPath, normalised
from recsvc.domain.catalogue.item_validation import MAX_CATEGORIES
from recsvc.domain.values.attributes import (
    MAX_ATTRIBUTES,
    Value,
    is_attribute_name,
    is_attribute_value,
)
from training.errors import InputUnreadable
from training.sources.item_catalogue import attribute_text

ATTRIBUTE = "attributes."  # prefix of a column that holds one attribute
_SEPARATOR = "|"


@cache
def path_of(text: str) -> str | None:
    """Return a category path; None if the text is none."""
    try:
        return normalised(text)
    except InvalidPath:
        return None


def categories_of(raw: pl.DataFrame, ignored: Counter[str], file: Path) -> pl.Series:
    """Read the further categories: lists of texts, or texts separated by `|`."""
    name = "categories"
    if raw.schema.get(name, pl.Null) == pl.Null:
        return pl.Series(name, [[]] * raw.height, dtype=pl.List(pl.String))
    column = raw[name]
    if isinstance(column.dtype, pl.List):
        _refuse(column.dtype.inner != pl.String, name, column.dtype, "lists of texts", file)
    else:
        _refuse(column.dtype != pl.String, name, column.dtype, "texts or lists of texts", file)
        column = column.str.split(_SEPARATOR)
    found = [_paths(each, ignored) for each in column.to_list()]
    return pl.Series(name, found, dtype=pl.List(pl.String))


def _paths(texts: Iterable[str | None] | None, ignored: Counter[str]) -> list[str]:
    kept: dict[str, None] = {}
    for text in texts or ():
        if text is None or not text.strip():
            continue
        path = path_of(text)
        if path is None or (path not in kept and len(kept) == MAX_CATEGORIES):
            ignored["categories"] += 1
        else:
            kept[path] = None
    return list(kept)


def attributes_of(raw: pl.DataFrame, ignored: Counter[str], file: Path) -> pl.Series:
    """Read the attributes of both forms; a column of one attribute overrules the other form."""
    columns = [name for name in raw.columns if name.startswith(ATTRIBUTE)]
    objects = _objects(raw, ignored, file)
    singles = raw.select(columns).iter_rows() if columns else [()] * raw.height
    names = [name.removeprefix(ATTRIBUTE) for name in columns]
    found = [
        _texts({**given, **dict(zip(names, row, strict=True))}, ignored)
        for given, row in zip(objects, singles, strict=True)
    ]
    return pl.Series("attributes", found, dtype=pl.List(pl.String))


def _objects(raw: pl.DataFrame, ignored: Counter[str], file: Path) -> Iterable[Mapping[Any, Any]]:
    """Return the objects of the column `attributes`."""
    if raw.schema.get("attributes", pl.Null) == pl.Null:
        return [{}] * raw.height
    column = raw["attributes"]
    read = _reader(column.dtype, file)
    found = []
    for value in column.to_list():
        pairs = None if value is None else read(value)
        if value is not None and pairs is None:
            ignored["attributes"] += 1
        found.append(pairs or {})
    return found


def _reader(dtype: pl.DataType, file: Path) -> Callable[[Any], Mapping[Any, Any] | None]:
    if dtype == pl.String:
        return _from_json
    if isinstance(dtype, pl.Struct):
        return dict
    pair = dtype.inner if isinstance(dtype, pl.List) else None
    is_map = isinstance(pair, pl.Struct) and [each.name for each in pair.fields] == ["key", "value"]
    _refuse(not is_map, "attributes", dtype, "JSON objects, structs or maps", file)
    return lambda pairs: {pair["key"]: pair["value"] for pair in pairs}


def _from_json(text: str) -> Mapping[str, Any] | None:
    if not text.strip():
        return {}
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) else None


def _texts(given: Mapping[Any, Any], ignored: Counter[str]) -> list[str]:
    """Return the valid attributes as texts; an empty text and null are no value."""
    kept: list[str] = []
    for name, value in given.items():
        if value is None or value == "" or (isinstance(value, str) and not value.strip()):
            continue
        text = _text_of(name, type(value).__name__, value) if _is_plain(value) else None
        if text is None or len(kept) == MAX_ATTRIBUTES:
            ignored["attributes"] += 1
        else:
            kept.append(text)
    return sorted(kept)


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | bool | int | float)


@lru_cache(maxsize=100_000)  # attributes of many items repeat; True, 1 and 1.0 differ by type
def _text_of(name: Any, _type: str, value: Value) -> str | None:
    """Return an attribute as text; None for an invalid one."""
    if not (isinstance(name, str) and is_attribute_name(name)):
        return None
    value = value.strip() if isinstance(value, str) else value
    return attribute_text(name, value) if is_attribute_value(value) else None


def _refuse(wrong: bool, name: str, dtype: pl.DataType, supported: str, file: Path) -> None:
    if wrong:
        raise InputUnreadable(
            f"{file}: column {name!r} holds {dtype}; supported are {supported}",
            code="unreadable_column",
        )
