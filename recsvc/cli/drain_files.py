"""The folder of a drained log: Parquet files, each named after its first and last entry.

A file gets its name after its content is on disk. So the names alone show which entries were
drained, even after a crash.
"""

import importlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from recsvc.domain.errors import BadRequest, MissingPrerequisite
from recsvc.domain.events import FIELDS
from recsvc.domain.offers.decision_record import DecisionRecord
from recsvc.domain.values.timestamps import parse_rfc3339
from recsvc.filesystem.atomic_write import (
    TEMPORARY_PREFIX,
    replace_durably,
    sync_folder,
    temporary_in,
)
from recsvc.filesystem.file_lock import owned
from recsvc.stores.events.event_log import EntryId, LogEntry

TIMES = ("timestamp", "received_at")
_TYPES = {"quantity": float, "price": float}  # all others: str
ZONE = "UTC"

_NAME = re.compile(r"[a-z]+-(\d+-\d+)-(\d+-\d+)\.parquet", re.ASCII)
_LOCK = ".lock"
_SOURCE = ".source"


_REQUIRED = ("message_id", "type", *TIMES)
_LAST = "session_id"

# Columns of a file of events, and the fields of a logged event.
COLUMNS = (*_REQUIRED, *(name for name in FIELDS if name not in (*_REQUIRED, _LAST)), _LAST)

_LoggedEvent = msgspec.defstruct(
    "_LoggedEvent",
    [
        (name, str) if name in _REQUIRED else (name, _TYPES.get(name, str) | None, None)
        for name in COLUMNS
    ],
    frozen=True,
)
DECISION_TEXTS = ("decision_id", "customer", "content")


@dataclass(frozen=True, slots=True)
class DrainedFile:
    """The first and last entry of a file, from its name."""

    first: EntryId
    last: EntryId

    def name(self, prefix: str) -> str:
        return f"{prefix}-{self.first}-{self.last}.parquet"

    def holds(self, entry: EntryId) -> bool:
        return self.first <= entry <= self.last


@dataclass(frozen=True, slots=True)
class DrainedLog:
    """A kind of log: the prefix of its files, and the table of its readable entries."""

    name: str
    table: Callable[[Sequence[LogEntry]], Any]


class DrainFolder:
    """A folder that only this process drains one log into."""

    def __init__(self, path: Path, drain: DrainedLog) -> None:
        self._path = path
        self._drain = drain
        self.files = sorted(_files_in(path), key=lambda file: file.first)

    def holds(self, entry: EntryId) -> bool:
        return any(file.holds(entry) for file in self.files)

    def write(self, entries: Sequence[LogEntry]) -> int:
        """Write the entries and wait for the disk; return how many are readable."""
        table = self._drain.table(entries)
        file = DrainedFile(entries[0].entry_id, entries[-1].entry_id)
        temporary = temporary_in(self._path)
        table.write_parquet(temporary, compression="zstd")
        _sync(temporary)
        temporary.rename(self._path / file.name(self._drain.name))
        sync_folder(self._path)
        self.files.append(file)
        return int(table.height)


@contextmanager
def open_folder(path: Path, source: str, drain: DrainedLog) -> Iterator[DrainFolder]:
    """Lock the folder for this process. `source` names the log.

    A folder accepts one log only: entries of two logs can have the same ids, so files of one log
    would hide entries of the other.
    """
    make_folder(path)

    def refuse() -> None:
        raise BadRequest(f"another process is draining into {path}", code="folder_in_use")

    with owned(path / _LOCK, refuse):
        _check_source(path, source)
        for left_over in path.glob(f"{TEMPORARY_PREFIX}*"):
            left_over.unlink()
        yield DrainFolder(path, drain)


def make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise BadRequest(
            f"--to {path} is not a folder and cannot be made one: {fault.strerror}",
            code="bad_folder",
        ) from None


def check_parquet() -> None:
    """Raise MissingPrerequisite if Parquet cannot be written."""
    _polars()


def _check_source(path: Path, source: str) -> None:
    note = path / _SOURCE
    if not note.exists():
        replace_durably(note, source.encode())
    elif note.read_text() != source:
        raise BadRequest(
            f"{path} has events of another log ({note.read_text()}; this one is {source}); "
            "choose another folder",
            code="bad_folder",
        )


def _files_in(path: Path) -> Iterator[DrainedFile]:
    for file in path.iterdir():
        named = _NAME.fullmatch(file.name)
        if named:
            yield DrainedFile(EntryId.parse(named[1]), EntryId.parse(named[2]))


def _decoded(entry: LogEntry) -> msgspec.Struct | None:
    """Decode an entry; None if it is unreadable, so that the others are still drained."""
    try:
        event = msgspec.json.decode(entry.event, type=_LoggedEvent)
    except msgspec.MsgspecError:
        return None
    times = (parse_rfc3339(getattr(event, name)) for name in TIMES)
    return event if all(time is not None for time in times) else None


def event_table(entries: Sequence[LogEntry]) -> Any:
    events = [event for entry in entries if (event := _decoded(entry)) is not None]
    polars = _polars()
    moment = polars.Datetime("us", ZONE)
    columns = {}
    for name in COLUMNS:
        values = [getattr(event, name) for event in events]
        if name in TIMES:
            read = [parse_rfc3339(value) for value in values]
            columns[name] = polars.Series(name, read, polars.Int64).cast(moment)
        else:
            kind = polars.Float64 if name in _TYPES else polars.String
            columns[name] = polars.Series(name, values, kind)
    return polars.DataFrame(columns)


def decision_table(decisions: Sequence[DecisionRecord]) -> Any:
    """Return the decisions as a table.

    `customer` is the keyed hash that an erasure's receipt names, `content` JSON.
    """
    polars = _polars()
    at = polars.Series("at", [each.at_us for each in decisions], polars.Int64)
    columns = {
        "decision_id": [each.decision_id for each in decisions],
        "at": at.cast(polars.Datetime("us", ZONE)),
        "customer": [each.customer.hex() for each in decisions],
        "content": [each.content.decode() for each in decisions],
    }
    return polars.DataFrame(columns, schema_overrides=dict.fromkeys(DECISION_TEXTS, polars.String))


def _polars() -> Any:
    """Import polars, which writes Parquet. Only the trainer requires it."""
    try:
        return importlib.import_module("polars")
    except ImportError:
        raise MissingPrerequisite(
            "writing Parquet requires polars: pip install 'recsvc[train]'",
            code="no_polars",
        ) from None


def _sync(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
