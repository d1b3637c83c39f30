"""Consents from a file: `customer_id, training`, or the lines of a consent import.

CSV and Parquet have the columns `customer_id` and `training`; NDJSON has either those two names
or `customer_id`, `purposes` and `at`. Only `true` permits; `false`, or nothing at all, is a no.
Where one customer is named more than once, the latest word counts and a denial wins among equals.
A denial without a time, or a word whose time cannot be read, denies for good; a yes without a time
is older than all that have one. What contradicts itself, names nobody or says neither yes nor no
stops the run: it may have been somebody's withdrawal.
"""

import json
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path
from sys import float_info
from typing import Any

import polars as pl

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.values.ids import ID_RULE
from recsvc.domain.values.timestamps import parse_rfc3339
from recsvc.domain.values.validation import shortened_json
from training.errors import InputUnreadable
from training.sources import values as parsing
from training.sources.column_mapping import there_are
from training.sources.consents import PermittedIds
from training.sources.csv_repair import read_csv_rows
from training.sources.files import (
    collect,
    column_names,
    is_csv,
    refuse_unreadable,
    scan,
    separator_of,
    unreadable,
)

_NDJSON = (".ndjson", ".jsonl", ".json")


_COLUMNS = ("customer_id", "training")
_SPELT = {"true": True, "false": False, "": None}
SAYS_NOTHING, LONG_AGO, FOR_GOOD = -inf, -float_info.max, inf


@dataclass(frozen=True, slots=True)
class ConsentStatement:
    """What one line says of one customer; `at` is seconds since 1970."""

    customer: str
    granted: bool
    at: float


def _undated(customer: str, *, granted: bool) -> ConsentStatement:
    return ConsentStatement(customer, granted, LONG_AGO if granted else FOR_GOOD)


def read_consent_file(file: Path) -> PermittedIds:
    if not file.is_file():
        raise InputUnreadable(
            f"--consents {file}: no such file (or write 'service' or 'assume-granted')",
            code="no_consents",
        )
    words = _read_lines(file) if file.name.lower().endswith(_NDJSON) else _read_table(file)
    return PermittedIds(_latest_grants(words))


def _latest_grants(words: Iterable[ConsentStatement]) -> frozenset[str]:
    latest: dict[str, tuple[float, bool]] = {}
    for word in words:
        said = (word.at, not word.granted)  # of two words of one time the denial is the greater
        latest[word.customer] = max(said, latest.get(word.customer, said))
    return frozenset(customer for customer, (_, denied) in latest.items() if not denied)


def _read_table(file: Path) -> Iterator[ConsentStatement]:
    table = scan(file)
    names = column_names(table, file)
    for needed in _COLUMNS:
        if needed not in names:
            raise InputUnreadable(
                f"{file} has no column {needed!r}. {there_are(names, _COLUMNS)}",
                code="missing_column",
            )
    if is_csv(file):
        table = _whole_rows(file, names)
    schema = table.collect_schema()
    refuse_unreadable(schema, {"customer_id": "customer_id"}, file)
    customer = parsing.id_text("customer_id", schema["customer_id"])
    rows = collect(table.select(customer.alias("customer"), "training"), file)
    for row, (customer_id, said) in enumerate(rows.iter_rows(), 1):
        if customer_id or said not in (None, ""):
            where = f"{file} row {row}"
            yield _undated(
                _checked(customer_id or "", where), granted=_granted(_written(said), where)
            )


def _whole_rows(file: Path, names: list[str]) -> pl.LazyFrame:
    """Read a CSV line by line: a row that is none may have been somebody's withdrawal."""
    try:
        read = read_csv_rows(file, separator_of(file), names, _COLUMNS)
    except (OSError, EOFError, zlib.error) as fault:
        raise unreadable(file, fault) from fault
    for row, reason in read.faults.items():
        raise InputUnreadable(f"{file} row {row}: {reason}", code="bad_consents")
    return read.good.lazy()


def _written(said: object) -> object:
    """Return what a cell of a table says: text may spell it, in letters of any size."""
    return _SPELT.get(said.strip().lower(), said) if isinstance(said, str) else said


def _granted(said: object, where: str) -> bool:
    """Read a yes or no; nothing at all is a no."""
    if said is None or isinstance(said, bool):
        return said is True
    fault = f"training: {shortened_json(said)} is neither true nor false"
    raise InputUnreadable(f"{where}: {fault}", code="bad_consents")


def _checked(customer: str, where: str) -> str:
    """Return a valid id; one that is none is not repeated: it may be somebody's name."""
    fault = parsing.text_fault(customer)
    if fault is None:
        return customer
    told = f"customer_id: {fault}; an id is {ID_RULE}"
    raise InputUnreadable(f"{where}: {told}", code="bad_consents")


def _read_lines(file: Path) -> Iterator[ConsentStatement]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _read_line(line, f"{file} line {number}")


def _read_line(line: bytes, where: str) -> ConsentStatement:
    try:
        said = json.loads(line.decode(), object_pairs_hook=_of_different_keys)
    except (ValueError, RecursionError) as fault:
        reason = str(fault) if isinstance(fault, TwiceNamed) else "it is not JSON"
        raise InputUnreadable(f"{where} cannot be read: {reason}", code="bad_consents") from None
    customer = said.get("customer_id") if isinstance(said, dict) else None
    if not isinstance(customer, str):
        raise InputUnreadable(f"{where} has no text customer_id", code="bad_consents")
    _checked(customer, where)
    if "purposes" in said and "training" in said:
        raise InputUnreadable(f"{where} has both training and purposes", code="bad_consents")
    if "purposes" in said:
        return _imported_word(customer, said, where)
    return _undated(customer, granted=_granted(said.get("training"), where))


class TwiceNamed(ValueError):
    """An object that says two things of one name, of which every JSON reader takes one."""


def _of_different_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    said = dict(pairs)
    if len(said) != len(pairs):
        raise TwiceNamed("an object holds one key twice")
    return said


def _imported_word(customer: str, said: dict[str, Any], where: str) -> ConsentStatement:
    """Read one line of a consent import; one that says nothing of training permits nothing."""
    purposes = said["purposes"]
    if not isinstance(purposes, dict):
        fault = f"purposes: {shortened_json(purposes)} is not an object"
        raise InputUnreadable(f"{where}: {fault}", code="bad_consents")
    if Purpose.TRAINING not in purposes:
        return ConsentStatement(customer, granted=False, at=SAYS_NOTHING)
    at = _moment_of(said.get("at"))
    return ConsentStatement(
        customer, _granted(purposes[Purpose.TRAINING], where) and at < FOR_GOOD, at
    )


def _moment_of(text: object) -> float:
    """Return seconds since 1970; infinity for what is no moment or lies in the future."""
    at_us = parse_rfc3339(text) if isinstance(text, str) else None
    if at_us is None or at_us > time.time_ns() // 1000:
        return FOR_GOOD
    return at_us / 1_000_000
