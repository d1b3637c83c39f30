"""Consents from a file: `customer_id, training`, or the lines of a consent import.

CSV and Parquet have the columns `customer_id` and `training`; NDJSON has either those two names
or `customer_id`, `purposes` and `at`. Only `true` permits. Where one customer is named more than
once, an import's latest word counts and a denial wins among equals; a word whose time cannot be
read denies for good.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from recsvc.domain.consent import Purpose
from training import parsing
from training.consents import PermittedIds
from training.errors import InputUnreadable
from training.sources import collect, column_names, refuse_unreadable, scan

NDJSON = (".ndjson", ".jsonl", ".json")


@dataclass(frozen=True, slots=True)
class Word:
    """What one line says of one customer. Lines without a time are all of one time."""

    customer: str
    granted: bool
    at: float = 0.0


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
    for needed in ("customer_id", "training"):
        if needed not in (found := column_names(table, file)):
            raise InputUnreadable(
                f"{file} has no column {needed!r}. It has: {', '.join(found)}",
                code="missing_column",
            )
    schema = table.collect_schema()
    refuse_unreadable(schema, {"customer_id": "customer_id"}, file)
    customer = parsing.id_text("customer_id", schema["customer_id"])
    rows = collect(table.select(customer.alias("customer"), granted(schema["training"])), file)
    for customer_id, is_granted in rows.iter_rows():
        if customer_id:
            yield Word(customer_id, is_granted)


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
        said = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise InputUnreadable(f"{where} is not JSON: {fault}", code="bad_consents") from fault
    customer = said.get("customer_id") if isinstance(said, dict) else None
    if not isinstance(customer, str):
        raise InputUnreadable(f"{where} has no text customer_id", code="bad_consents")
    if "purposes" in said:
        return imported_word(customer, said)
    return Word(customer, said.get("training") is True)


def imported_word(customer: str, said: dict[str, Any]) -> Word:
    """Read one line of a consent import; one that says nothing of training permits nothing."""
    purposes = said["purposes"]
    if not isinstance(purposes, dict):
        return Word(customer, granted=False, at=inf)
    if Purpose.TRAINING not in purposes:
        return Word(customer, granted=False, at=-inf)
    at = moment_of(said.get("at"))
    return Word(customer, purposes[Purpose.TRAINING] is True and at < inf, at)


def moment_of(text: object) -> float:
    """Return seconds since 1970; infinity for what is no moment or lies in the future."""
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        return inf
    if moment.tzinfo is None or moment > datetime.now(UTC):
        return inf
    return moment.timestamp()
