"""Files as a source of purchases: a path, glob or folder of CSV and Parquet files.

Files written by `recsvc events drain` are recognised by their columns.
"""

import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from training.sources.csv_repair import plain_lines, read_csv_rows
from training.sources.drained_events import is_event_log
from training.sources.files import (
    column_names,
    find_files,
    is_csv,
    scan,
    separator_of,
    unreadable,
)
from training.sources.purchase_source import ROW, CheckedRows, NamedTable


@dataclass(frozen=True, slots=True)
class PurchaseFiles:
    location: str

    def __len__(self) -> int:
        return len(find_files(self.location))

    def tables(self) -> Iterator[NamedTable]:
        return map(_open_table, find_files(self.location))


def _open_table(file: Path) -> NamedTable:
    frame = scan(file)
    names = column_names(frame, file)
    numbered = frame.with_row_index(ROW, 1)
    if not is_csv(file):
        return NamedTable(
            file.name, str(file), numbered, is_event_log(names), partial(unreadable, file)
        )
    separator = separator_of(file)

    def read_checked(wanted: Collection[str]) -> CheckedRows:
        try:
            return read_csv_rows(file, separator, names, wanted)
        except (OSError, EOFError, zlib.error) as fault:
            raise unreadable(file, fault) from fault

    return NamedTable(
        file.name,
        str(file),
        numbered,
        is_event_log(names),
        partial(unreadable, file),
        plain_lines(file, separator, len(names)),
        read_checked,
    )
