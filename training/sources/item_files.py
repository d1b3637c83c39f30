"""Catalogue files: the items of a CSV or Parquet file, with every ignored value counted.

A list in CSV is one text: the `categories` are separated by `|`. Attributes are columns named
`attributes.NAME`, or one column `attributes` of JSON objects; in Parquet also of structs or maps.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import polars as pl

from recsvc.domain.catalogue.item_validation import (
    MAX_DESCRIPTION_LENGTH,
    MAX_PRICE,
    MAX_TITLE_LENGTH,
)
from recsvc.domain.values.currencies import is_currency
from recsvc.domain.values.ids import id_fault
from recsvc.domain.values.labels import label_fault
from training.errors import InputUnreadable
from training.sources import values as parsing
from training.sources.column_mapping import there_are
from training.sources.files import collect, column_names, refuse_unreadable, scan
from training.sources.item_catalogue import SCHEMA, ItemCatalogue
from training.sources.item_lists import ATTRIBUTE, attributes_of, categories_of, path_of

_NOT_SENSITIVE = ("false", "0", "0.0", "no", "n", "")
_MAY_NEST = ("categories", "attributes")
_CONTROL = r"\p{Cc}+"


def read_catalogue_file(file: Path) -> ItemCatalogue:
    """Read the column `item_id` and the optional columns of SCHEMA.

    The last row of an item counts; an item is sensitive if any of its rows says so.
    """
    if not file.is_file():
        raise InputUnreadable(f"--items {file}: no such file (or write 'service')", code="no_items")
    table = scan(file)
    names = column_names(table, file)
    if "item_id" not in names:
        raise InputUnreadable(
            f"{file} has no column 'item_id'. {there_are(names, list(SCHEMA))}",
            code="missing_column",
        )
    used = [name for name in names if name in SCHEMA or name.startswith(ATTRIBUTE)]
    schema = table.collect_schema()
    flat = [name for name in used if name not in _MAY_NEST]
    refuse_unreadable(schema, {name: name for name in flat}, file)
    raw = collect(table.select(used), file)
    if not raw.height:
        raise InputUnreadable(f"--items {file} has no row", code="no_items")
    ids = raw.select(parsing.id_text("item_id", schema["item_id"]).alias("id"))["id"]
    good = ids.is_not_null() & _matches(ids, lambda text: id_fault(text) is None)
    ignored: Counter[str] = Counter()
    rows = _read(raw.filter(good), ids.filter(good), ignored, file)
    last = _one_per_item(rows)
    return ItemCatalogue(
        last,
        origin="file",
        bad_rows=raw.height - rows.height,
        repeated_rows=rows.height - last.height,
        ignored_values=dict(sorted(ignored.items())),
        ignored_columns=tuple(name for name in names if name not in used),
    )


def _one_per_item(rows: pl.DataFrame) -> pl.DataFrame:
    sensitive = pl.col("sensitive").any().over("item_id")
    return rows.with_columns(sensitive).unique("item_id", keep="last").sort("item_id")


def _read(raw: pl.DataFrame, ids: pl.Series, ignored: Counter[str], file: Path) -> pl.DataFrame:
    found = {"item_id": ids}
    for name, rule in _TEXTS.items():
        found[name] = _checked(name, _text(raw, name), rule, ignored)
    for name, length in (("title", MAX_TITLE_LENGTH), ("description", MAX_DESCRIPTION_LENGTH)):
        texts = _checked(name, _text(raw, name), _is_utf8, ignored)
        found[name] = texts.str.replace_all(_CONTROL, " ").str.slice(0, length)
    found["category"] = _converted("category", _text(raw, "category"), path_of, ignored)
    found["price"] = _prices(raw, ignored)
    found["categories"] = categories_of(raw, ignored, file)
    found["attributes"] = attributes_of(raw, ignored, file)
    found["sensitive"] = _is_sensitive(raw)
    return pl.DataFrame({name: found[name].cast(dtype) for name, dtype in SCHEMA.items()})


def _text(raw: pl.DataFrame, name: str) -> pl.Series:
    """Return a column as stripped text; an empty text and a missing column are null."""
    if name not in raw.columns:
        return pl.Series(name, [None] * raw.height, dtype=pl.String)
    text = parsing.id_text(name, raw.schema[name]).str.strip_chars()
    return raw.select(pl.when(text != "").then(text).alias(name))[name]


def _is_utf8(text: str) -> bool:
    return "\ufffd" not in text  # which bytes that are not UTF-8 were read as


def _checked(
    name: str, texts: pl.Series, is_valid: Callable[[str], bool], ignored: Counter[str]
) -> pl.Series:
    return _converted(name, texts, lambda text: text if is_valid(text) else None, ignored)


def _converted(
    name: str, texts: pl.Series, convert: Callable[[str], str | None], ignored: Counter[str]
) -> pl.Series:
    """Convert each distinct text; count the ones that became null."""
    distinct = texts.drop_nulls().unique()
    converted = {text: convert(text) for text in distinct}
    after = texts.replace_strict(converted, return_dtype=pl.String) if converted else texts
    _count(ignored, name, after.null_count() - texts.null_count())
    return after


def _matches(texts: pl.Series, rule: Callable[[str], bool]) -> pl.Series:
    return texts.is_in([text for text in texts.drop_nulls().unique() if rule(text)])


def _prices(raw: pl.DataFrame, ignored: Counter[str]) -> pl.Series:
    if "price" not in raw.columns:
        return pl.Series("price", [None] * raw.height, dtype=pl.Float64)
    dtype = raw.schema["price"]
    number = parsing.number("price", dtype)
    valid = pl.when(number.is_between(0, MAX_PRICE)).then(number)
    read = raw.select(valid.alias("price"), parsing.given("price", dtype).alias("given"))
    _count(ignored, "price", int((read["given"] & read["price"].is_null()).sum()))
    return read["price"]


def _is_sensitive(raw: pl.DataFrame) -> pl.Series:
    """Treat every value but a clear "no" as sensitive: leaving an item out does no harm."""
    if "sensitive" not in raw.columns:
        return pl.Series("sensitive", [False] * raw.height, dtype=pl.Boolean)
    text = pl.col("sensitive").cast(pl.String).str.strip_chars().str.to_lowercase()
    return raw.select(~text.is_in(_NOT_SENSITIVE).fill_null(value=True))["sensitive"]


def _count(ignored: Counter[str], name: str, values: int) -> None:
    if values:
        ignored[name] += values


_TEXTS: dict[str, Callable[[str], bool]] = {
    "brand": lambda text: label_fault(text) is None and _is_utf8(text),
    "currency": is_currency,
    "item_group_id": lambda text: id_fault(text) is None,
}
