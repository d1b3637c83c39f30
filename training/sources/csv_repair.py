"""CSV files in which some rows are no CSV: read line by line, so that one such row costs no other.

Slow, and only for files that polars cannot read, or reads wrongly in silence: it takes two stray
quotes for the ends of one text and whatever lies between for that text, and a row that is too long
for one whose fields stand elsewhere.
"""

import csv
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl

from training.sources.files import open_bytes
from training.sources.purchase_source import ROW, CheckedRows

_CHUNK_ROWS = 200_000
_MOST_LINES = 50  # of one quoted text; a quote that is not closed until then is a stray one

_NEVER = "\x1e"  # a separator that stands in no line, so that a line is one field
TOO_MANY_FIELDS = "row: more fields than the header has"
STRAY_QUOTE = "row: a quote out of place"


@dataclass(frozen=True, slots=True)
class Record:
    """One row: its fields, or what is wrong with it."""

    fields: list[str]
    fault: str | None = None
    lines: int = 1


def plain_lines(file: Path, separator: str, width: int) -> int | None:
    """Count the lines below the header; None where one has more than `width` fields.

    polars counts fields only where it is asked for all of them, and else takes the wrong ones.
    """
    line = pl.col("line")
    quoted = line.str.contains('"', literal=True)
    bare = pl.when(quoted).then(line.str.replace_all('"[^"]*"', "")).otherwise(line)
    lines = pl.scan_csv(
        file,
        has_header=False,
        skip_lines=1,
        separator=_NEVER,
        quote_char=None,
        new_columns=["line"],
        infer_schema=False,
        encoding="utf8-lossy",
    )
    most = bare.str.count_matches(separator, literal=True).max().fill_null(0)
    try:
        counted = lines.select(pl.len(), most.alias("most")).collect(engine="streaming")
    except pl.exceptions.NoDataError:
        return 0
    except pl.exceptions.PolarsError:
        return None
    count, separators = counted.row(0)
    return count if separators < width else None


def read_csv_rows(
    file: Path, separator: str, names: Sequence[str], wanted: Collection[str]
) -> CheckedRows:
    """Read the columns `wanted`, of all the `names` in the header."""
    places = {name: names.index(name) for name in names if name in wanted}
    schema = {ROW: pl.UInt32, **dict.fromkeys(places, pl.String)}
    faults: dict[int, str] = {}
    parts = [pl.DataFrame(schema=schema)]
    with open_bytes(file) as stream:
        text = (line.decode("utf-8", "replace") for line in stream)
        numbered = enumerate(_records(islice(text, 1, None), separator, len(names)), 1)
        while chunk := list(islice(numbered, _CHUNK_ROWS)):
            faults |= {row: found.fault for row, found in chunk if found.fault}
            good = [(row, found.fields) for row, found in chunk if not found.fault]
            columns = {name: [fields[at] for _, fields in good] for name, at in places.items()}
            parts.append(pl.DataFrame({ROW: [row for row, _ in good], **columns}, schema=schema))
    return CheckedRows(pl.concat(parts), faults)


def _records(lines: Iterator[str], separator: str, width: int) -> Iterator[Record]:
    """Take lines apart into rows of `width` fields."""
    waiting: list[str] = []
    while True:
        if not waiting:
            waiting += islice(lines, 1)
        if not waiting:
            return
        found = _record(waiting, lines, separator, width)
        del waiting[: found.lines]
        yield found


def _record(waiting: list[str], lines: Iterator[str], separator: str, width: int) -> Record:
    """Read the row that begins with the first line; `waiting` grows by the lines looked at."""
    fields = _split(waiting[0], separator)
    taken, quotes = 1, waiting[0].count('"')
    while fields is None and taken < _MOST_LINES:
        if taken == len(waiting):
            waiting += islice(lines, 1)
        if taken == len(waiting):
            break
        quotes += waiting[taken].count('"')
        taken += 1
        if quotes % 2 == 0:
            joined = _split("".join(waiting[:taken]), separator)
            fields = joined if joined and len(joined) <= width else None
    if fields is None:
        return Record([], STRAY_QUOTE)
    if any(fields[width:]):
        return Record([], TOO_MANY_FIELDS, taken)
    return Record(fields[:width] + [""] * (width - len(fields)), None, taken)


def _split(text: str, separator: str) -> list[str] | None:
    """Take one row apart; None when its quotes are not in pairs around whole fields."""
    text = text.rstrip("\r\n")
    if '"' not in text:
        return text.split(separator)
    try:
        return next(csv.reader([text], delimiter=separator, strict=True))
    except csv.Error:
        return None
