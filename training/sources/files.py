"""Files of a path, glob or folder, opened as lazy tables.

All CSV columns are read as text, so the id `007` stays `007`. Each column's parser interprets the
text, so that unreadable values are counted instead of becoming null.
"""

import csv
import glob
import gzip
import re
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, cast

import polars as pl

from recsvc.domain.values.columns import columns_fault
from training.errors import InputUnreadable

_PARQUET = (".parquet", ".pq")
_CSV = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")
_DRAINED_DECISIONS = re.compile(r"decisions-\d+-\d+-\d+-\d+\.parquet", re.ASCII)
_SEPARATORS = (",", ";", "\t", "|")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f]")  # a tab may separate columns
_HEADER_BYTES = 1 << 16


def find_files(location: str) -> list[Path]:
    """Return the files of a path, glob or folder, sorted; raise when there is none.

    Hidden files and drained decision logs are skipped.
    """
    path = Path(location)
    if path.is_dir():
        found = [file for file in path.rglob("*") if _is_table(file) and not _is_hidden(file, path)]
    elif path.exists():
        found = [path]
    else:
        found = [Path(match) for match in glob.glob(location, recursive=True)]  # noqa: PTH207 - patterns may be absolute
    files = sorted(file for file in found if file.is_file() and not _holds_decisions(file))
    if not files:
        raise InputUnreadable(
            f"{location}: no file there (CSV, CSV.gz or Parquet; a file, folder or glob)",
            code="no_files",
        )
    return files


def _is_table(file: Path) -> bool:
    return file.name.lower().endswith(_PARQUET + _CSV)


def _holds_decisions(file: Path) -> bool:
    return _DRAINED_DECISIONS.fullmatch(file.name) is not None


def _is_hidden(file: Path, root: Path) -> bool:
    return any(part.startswith((".", "_")) for part in file.relative_to(root).parts)


def scan(file: Path) -> pl.LazyFrame:
    """Open a file as a lazy table. Damaged content raises only when the table is collected."""
    if not is_csv(file):
        return _with_text(pl.scan_parquet(file), file)
    return pl.scan_csv(
        file,
        infer_schema=False,
        separator=separator_of(file),
        # Bytes that are not UTF-8 become U+FFFD; rows with it in an id are counted as bad.
        encoding="utf8-lossy",
    )


def _with_text(table: pl.LazyFrame, file: Path) -> pl.LazyFrame:
    """Decode binary columns as UTF-8: many Parquet writers store text as binary."""
    column_names(table, file)
    schema = table.collect_schema()
    raw = [name for name, dtype in schema.items() if dtype == pl.Binary]
    return table.with_columns(pl.col(name).map_batches(_decoded, pl.String) for name in raw)


def _decoded(raw: pl.Series) -> pl.Series:
    try:
        return raw.cast(pl.String)
    except pl.exceptions.PolarsError:  # in polars 2.1 even with strict=False
        texts = [None if value is None else value.decode(errors="replace") for value in raw]
        return pl.Series(raw.name, texts, pl.String)


def refuse_unreadable(schema: pl.Schema, columns: Mapping[str, str], table: Path | str) -> None:
    """Raise if one of `columns` (ours → the table's) is not text, a number, a date or a time."""
    for ours, theirs in columns.items():
        dtype = schema[theirs]
        if dtype.is_nested() or dtype in (pl.Duration, pl.Time, pl.Object):
            raise InputUnreadable(
                f"{table}: column {theirs!r} for {ours} holds {dtype}; supported are text, "
                f"numbers, dates and times",
                code="unreadable_column",
            )


def is_csv(file: Path) -> bool:
    return not file.name.lower().endswith(_PARQUET)


def open_bytes(file: Path) -> BinaryIO:
    """Open a file, and decompress it if its name ends in `.gz`."""
    if file.name.lower().endswith(".gz"):
        return cast("BinaryIO", gzip.open(file, "rb"))
    return file.open("rb")


def separator_of(file: Path) -> str:
    """Return the most frequent separator of the header; a comma if there is none."""
    return max(_SEPARATORS, key=_first_line(file).count)


def column_names(table: pl.LazyFrame, file: Path) -> list[str]:
    """Return the names of the columns; raise when one is empty or occurs twice."""
    try:
        names = table.collect_schema().names()
    except pl.exceptions.DuplicateError as fault:
        raise InputUnreadable(f"{file}: two columns have one name", code="bad_columns") from fault
    except (pl.exceptions.PolarsError, OSError) as fault:
        raise unreadable(file, fault) from fault
    # polars gives other names to repeated columns of CSV.
    if fault_of_header := columns_fault(_header_of(file) if is_csv(file) else names):
        raise InputUnreadable(f"{file}: {fault_of_header}", code="bad_columns")
    return names


def _header_of(file: Path) -> list[str]:
    header = _first_line(file).removeprefix("\ufeff").rstrip("\r\n")
    if _CONTROL.search(header):
        raise InputUnreadable(
            f"{file} cannot be read: it is not a text file", code="unreadable_file"
        )
    try:
        return next(csv.reader([header], delimiter=separator_of(file), strict=True), [])
    except csv.Error:  # a name that spans lines
        return []


def _first_line(file: Path) -> str:
    try:
        with open_bytes(file) as stream:
            return stream.readline(_HEADER_BYTES).decode(errors="replace")
    except (OSError, EOFError) as fault:
        raise unreadable(file, fault) from fault


def collect(table: pl.LazyFrame, file: Path) -> pl.DataFrame:
    try:
        return table.collect()
    except (pl.exceptions.PolarsError, OSError) as fault:
        raise unreadable(file, fault) from fault


def unreadable(file: Path, fault: Exception) -> InputUnreadable:
    """Return an error with the system's reason. polars' own messages may quote personal data."""
    if isinstance(fault, OSError) and fault.strerror and fault.errno:
        reason = fault.strerror
    elif not file.stat().st_size:
        reason = "it is empty"
    else:
        reason = "it is not Parquet, cut short or damaged"
        if is_csv(file):
            reason = "it is not CSV, cut short or damaged, or a row has more fields than the header"
    return InputUnreadable(f"{file} cannot be read: {reason}", code="unreadable_file")
