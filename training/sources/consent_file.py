"""Training consents from a file of `customer_id, training`, or from the lines of a consent import.

CSV and Parquet have the columns `customer_id` and `training`. NDJSON has the same two names, or
`customer_id`, `purposes` and `at`. Only `true` is a grant; `false` or an empty value is a denial.

Of several statements about one customer the latest applies; at equal times a denial applies. A
denial without a time, and any statement with an unreadable time, denies permanently. A grant
without a time is older than every statement with one. A row that contradicts itself, lacks a
customer, or is neither true nor false stops the run, because it may be a withdrawal.
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
    """One row's statement about one customer; `at` is in seconds since 1970."""

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
    statements = _read_lines(file) if file.name.lower().endswith(_NDJSON) else _read_table(file)
    return PermittedIds(_latest_grants(statements))


def _latest_grants(statements: Iterable[ConsentStatement]) -> frozenset[str]:
    latest: dict[str, tuple[float, bool]] = {}
    for statement in statements:
        stated = (statement.at, not statement.granted)  # at equal times a denial is greater
        latest[statement.customer] = max(stated, latest.get(statement.customer, stated))
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
    for row, (customer_id, value) in enumerate(rows.iter_rows(), 1):
        if customer_id or value not in (None, ""):
            where = f"{file} row {row}"
            yield _undated(
                _checked(customer_id or "", where), granted=_granted(_written(value), where)
            )


def _whole_rows(file: Path, names: list[str]) -> pl.LazyFrame:
    """Read a CSV with checks; raise for a row that cannot be parsed, which may be a withdrawal."""
    try:
        read = read_csv_rows(file, separator_of(file), names, _COLUMNS)
    except (OSError, EOFError, zlib.error) as fault:
        raise unreadable(file, fault) from fault
    for row, reason in read.faults.items():
        raise InputUnreadable(f"{file} row {row}: {reason}", code="bad_consents")
    return read.good.lazy()


def _written(value: object) -> object:
    """Convert a table cell: text may spell `true` and `false` in any case."""
    return _SPELT.get(value.strip().lower(), value) if isinstance(value, str) else value


def _granted(value: object, where: str) -> bool:
    """Parse a grant or denial; null is a denial."""
    if value is None or isinstance(value, bool):
        return value is True
    fault = f"training: {shortened_json(value)} is neither true nor false"
    raise InputUnreadable(f"{where}: {fault}", code="bad_consents")


def _checked(customer: str, where: str) -> str:
    """Validate an id. The error does not repeat an invalid one: it may be a person's name."""
    fault = parsing.text_fault(customer)
    if fault is None:
        return customer
    reason = f"customer_id: {fault}; an id is {ID_RULE}"
    raise InputUnreadable(f"{where}: {reason}", code="bad_consents")


def _read_lines(file: Path) -> Iterator[ConsentStatement]:
    is_blank = True
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                is_blank = False
                yield _read_line(line, f"{file} line {number}")
    if is_blank:
        raise InputUnreadable(f"--consents {file} cannot be read: it is empty", code="no_consents")


def _read_line(line: bytes, where: str) -> ConsentStatement:
    try:
        fields = json.loads(line.decode(), object_pairs_hook=_without_duplicates)
    except UnicodeDecodeError:
        raise InputUnreadable(f"{where} is not UTF-8", code="bad_consents") from None
    except (ValueError, RecursionError) as fault:
        reason = str(fault) if isinstance(fault, _DuplicateKey) else "it is not JSON"
        raise InputUnreadable(f"{where} cannot be read: {reason}", code="bad_consents") from None
    customer = fields.get("customer_id") if isinstance(fields, dict) else None
    if not isinstance(customer, str):
        raise InputUnreadable(f"{where} has no text customer_id", code="bad_consents")
    _checked(customer, where)
    if "purposes" in fields and "training" in fields:
        raise InputUnreadable(f"{where} has both training and purposes", code="bad_consents")
    if "purposes" in fields:
        return _imported_statement(customer, fields, where)
    return _undated(customer, granted=_granted(fields.get("training"), where))


class _DuplicateKey(ValueError):
    """A JSON object with a repeated key, of which parsers would silently keep one."""


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _DuplicateKey("an object holds one key twice")
    return fields


def _imported_statement(customer: str, fields: dict[str, Any], where: str) -> ConsentStatement:
    """Read one line of a consent import. Without the purpose `training` it is a denial."""
    purposes = fields["purposes"]
    if not isinstance(purposes, dict):
        fault = f"purposes: {shortened_json(purposes)} is not an object"
        raise InputUnreadable(f"{where}: {fault}", code="bad_consents")
    if Purpose.TRAINING not in purposes:
        return ConsentStatement(customer, granted=False, at=SAYS_NOTHING)
    at = _moment_of(fields.get("at"))
    return ConsentStatement(
        customer, _granted(purposes[Purpose.TRAINING], where) and at < FOR_GOOD, at
    )


def _moment_of(text: object) -> float:
    """Return seconds since 1970; infinity for an invalid or future time."""
    at_us = parse_rfc3339(text) if isinstance(text, str) else None
    if at_us is None or at_us > time.time_ns() // 1000:
        return FOR_GOOD
    return at_us / 1_000_000
