"""Row-by-row CSV reader for damaged files, so that one bad row does not affect the others.

It is slow, and used only for files that polars rejects or misreads silently: polars takes two
stray quotes as one quoted text across rows, and shifts the fields of a row that is too long.
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
_MOST_LINES = 50  # of one quoted text; a quote still open after these is a stray one

_NEVER = "\x1e"  # a separator that occurs in no line, so that a line is one field
TOO_MANY_FIELDS = "row: more fields than the header has"
STRAY_QUOTE = "row: a quote out of place"


@dataclass(frozen=True, slots=True)
class _ParsedRow:
    """One row: its fields or its fault, and how many lines it spans."""

    fields: list[str]
    fault: str | None = None
    lines: int = 1


def plain_lines(file: Path, separator: str, width: int) -> int | None:
    """Count the lines below the header; return None if any has more than `width` fields.

    polars checks the number of fields only when all columns are selected; otherwise it may read the
    wrong ones.
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
    """Read the columns `wanted` of a file with the header `names`."""
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


def _records(lines: Iterator[str], separator: str, width: int) -> Iterator[_ParsedRow]:
    """Parse lines into rows of `width` fields."""
    waiting: list[str] = []
    while True:
        if not waiting:
            waiting += islice(lines, 1)
        if not waiting:
            return
        found = _record(waiting, lines, separator, width)
        del waiting[: found.lines]
        yield found


def _record(waiting: list[str], lines: Iterator[str], separator: str, width: int) -> _ParsedRow:
    """Parse the row that begins with the first line of `waiting`, appending lines as needed."""
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
        return _ParsedRow([], STRAY_QUOTE)
    if any(fields[width:]):
        return _ParsedRow([], TOO_MANY_FIELDS, taken)
    return _ParsedRow(fields[:width] + [""] * (width - len(fields)), None, taken)


def _split(text: str, separator: str) -> list[str] | None:
    """Split one row; return None when its quotes do not enclose whole fields."""
    text = text.rstrip("\r\n")
    if '"' not in text:
        return text.split(separator)
    try:
        return next(csv.reader([text], delimiter=separator, strict=True))
    except csv.Error:
        return None
