"""Consents from a file: `customer_id, training`, or the lines of a consent import.

CSV and Parquet have the columns `customer_id` and `training`; NDJSON has either those two names
or `customer_id`, `purposes` and `at`. Only `true` permits. Where one customer is named more than
once, the latest word counts and a denial wins among equals. A denial without a time, or a word
whose time cannot be read, denies for good; a yes without a time is older than all that have one.
What contradicts itself or cannot be read stops the run: it may have been somebody's withdrawal.
"""

import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from sys import float_info
from typing import Any

import msgspec
import polars as pl

from recsvc.domain.consent import Purpose
from training import parsing
from training.columns import there_are
from training.consents import PermittedIds
from training.csv_rows import read_csv_rows
from training.errors import InputUnreadable
from training.sources import (
    collect,
    column_names,
    is_csv,
    refuse_unreadable,
    scan,
    separator_of,
    unreadable,
)

NDJSON = (".ndjson", ".jsonl", ".json")


COLUMNS = ("customer_id", "training")
SAYS_NOTHING, LONG_AGO, FOR_GOOD = -inf, -float_info.max, inf


@dataclass(frozen=True, slots=True)
class Word:
    """What one line says of one customer; `at` is seconds since 1970."""

    customer: str
    granted: bool
    at: float


def undated(customer: str, *, granted: bool) -> Word:
    return Word(customer, granted, LONG_AGO if granted else FOR_GOOD)


def read_consent_file(file: Path) -> PermittedIds:
    if not file.is_file():
        raise InputUnreadable(
            f"--consents {file}: no such file (or write 'service' or 'assume-granted')",
            code="no_consents",
        )
    words = read_lines(file) if file.name.lower().endswith(NDJSON) else read_table(file)
    return PermittedIds(latest_grants(words))


def latest_grants(words: Iterable[Word]) -> frozenset[str]:
    latest: dict[str, tuple[float, bool]] = {}
    for word in words:
        said = (word.at, not word.granted)  # of two words of one time the denial is the greater
        latest[word.customer] = max(said, latest.get(word.customer, said))
    return frozenset(customer for customer, (_, denied) in latest.items() if not denied)


def read_table(file: Path) -> Iterator[Word]:
    table = scan(file)
    names = column_names(table, file)
    for needed in COLUMNS:
        if needed not in names:
            raise InputUnreadable(
                f"{file} has no column {needed!r}. {there_are(names, COLUMNS)}",
                code="missing_column",
            )
    if is_csv(file):
        table = whole_rows(file, names)
    schema = table.collect_schema()
    refuse_unreadable(schema, {"customer_id": "customer_id"}, file)
    customer = parsing.id_text("customer_id", schema["customer_id"])
    rows = collect(table.select(customer.alias("customer"), granted(schema["training"])), file)
    for customer_id, is_granted in rows.iter_rows():
        if customer_id:
            yield undated(customer_id, granted=is_granted)


def whole_rows(file: Path, names: list[str]) -> pl.LazyFrame:
    """Read a CSV line by line: a row that is none may have been somebody's withdrawal."""
    try:
        read = read_csv_rows(file, separator_of(file), names, COLUMNS)
    except (OSError, EOFError, zlib.error) as fault:
        raise unreadable(file, fault) from fault
    for row, reason in read.faults.items():
        raise InputUnreadable(f"{file} row {row}: {reason}", code="bad_consents")
    return read.good.lazy()


def granted(dtype: pl.DataType) -> pl.Expr:
    """Only a boolean true, or the text true, is a yes."""
    said = pl.col("training")
    if dtype == pl.String:
        yes = said.str.strip_chars().str.to_lowercase() == "true"
    else:
        yes = said if dtype == pl.Boolean else pl.lit(value=False)
    return yes.fill_null(value=False).alias("granted")


def read_lines(file: Path) -> Iterator[Word]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield read_line(line, f"{file} line {number}")


def read_line(line: bytes, where: str) -> Word:
    try:
        said = json.loads(line.decode(), object_pairs_hook=of_different_keys)
    except (ValueError, RecursionError) as fault:
        reason = str(fault) if isinstance(fault, TwiceNamed) else "it is not JSON"
        raise InputUnreadable(f"{where} cannot be read: {reason}", code="bad_consents") from None
    customer = said.get("customer_id") if isinstance(said, dict) else None
    if not isinstance(customer, str):
        raise InputUnreadable(f"{where} has no text customer_id", code="bad_consents")
    if "purposes" in said and "training" in said:
        raise InputUnreadable(f"{where} has both training and purposes", code="bad_consents")
    if "purposes" in said:
        return imported_word(customer, said)
    return undated(customer, granted=said.get("training") is True)


class TwiceNamed(ValueError):
    """An object that says two things of one name, of which every JSON reader takes one."""


def of_different_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    said = dict(pairs)
    if len(said) != len(pairs):
        raise TwiceNamed("an object holds one key twice")
    return said


def imported_word(customer: str, said: dict[str, Any]) -> Word:
    """Read one line of a consent import; one that says nothing of training permits nothing."""
    purposes = said["purposes"]
    if not isinstance(purposes, dict):
        return Word(customer, granted=False, at=FOR_GOOD)
    if Purpose.TRAINING not in purposes:
        return Word(customer, granted=False, at=SAYS_NOTHING)
    at = moment_of(said.get("at"))
    return Word(customer, purposes[Purpose.TRAINING] is True and at < FOR_GOOD, at)


def moment_of(text: object) -> float:
    """Return seconds since 1970; infinity for what is no moment or lies in the future."""
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        return FOR_GOOD
    if moment.tzinfo is None or moment > datetime.now(UTC):
        return FOR_GOOD
    return moment.timestamp()
