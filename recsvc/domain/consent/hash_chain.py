"""The history of consents: rows that each carry the hash of everything before them. Pure.

hash n = SHA-256(hash n−1 ‖ row n), beginning with a hash of the shop's name. A row is JSON, its
members always in the order of `HistoryRow`. It names a customer by keyed hash alone. Whoever
keeps a `ChainHead` elsewhere can tell later whether the history still begins with what it was then.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.domain.values.timestamps import parse_rfc3339, rfc3339

HEAD_RULE = "count, hash of 64 hex digits and time, as `recsvc audit head` prints them"

_HASH = re.compile(r"[0-9a-f]{64}")


class RowKind(StrEnum):
    """How a change came about."""

    LIVE = "live"
    IMPORT = "import"
    FLAG = "flag"
    POLICY = "policy"
    MERGE = "merge"
    ERASE = "erase"


@dataclass(frozen=True, slots=True)
class RowDraft:
    """One change, before it has its place in the history.

    `subject` is a purpose, a flag, or what else was changed; `said_at_us` the stamp of a word on
    a purpose, or of an erasure. `actor` is the id of the key that asked, or the command line.
    """

    kind: RowKind
    customer: CustomerKey | None
    subject: str
    word: str
    actor: str
    said_at_us: int | None = None
    policy_version: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One change in its place.

    `at` is when it was recorded, in microseconds since 1970, and later than every earlier step's:
    after a clock that was ahead it goes on from there. `said_at` is the stamp of what was said.
    """

    n: int
    at: int
    kind: RowKind
    customer: str | None
    subject: str
    word: str
    actor: str
    said_at: int | None
    policy_version: str | None
    source: str | None


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The end of a history: how many rows, the hash of all of them, when the last was recorded."""

    count: int
    digest: str
    at_us: int

    def __str__(self) -> str:
        return f"{self.count} {self.digest} {rfc3339(self.at_us)}"

    def next_at_us(self, now_us: int) -> int:
        """Return when the next step is recorded: later than the last, whatever the clock says."""
        return max(now_us, self.at_us + 1)


@dataclass(frozen=True, slots=True)
class ChainedRow:
    """A row as it is kept: its number, its JSON, its hash, and whether that is all."""

    n: int
    row: bytes
    digest: str
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class ChainFault:
    """What is wrong with a history, and at which row."""

    n: int
    what: str


NO_HISTORY = ChainFault(
    1, "is missing, and every other: what the store has in their place is no list"
)


def empty_head(shop: ShopName) -> ChainHead:
    """Return the head of a history without rows."""
    return ChainHead(0, hashlib.sha256(f"recsvc history of {shop}".encode()).hexdigest(), 0)


def parse_head(text: str) -> ChainHead | None:
    """Read what `str` makes of a head; None when it is none."""
    words = text.split()
    if len(words) != 3 or not (words[0].isascii() and words[0].isdigit()):
        return None
    at_us = parse_rfc3339(words[2])
    if at_us is None or not is_digest(words[1]) or len(words[0]) > 16:
        return None
    return ChainHead(int(words[0]), words[1], at_us)


def is_digest(text: str) -> bool:
    return _HASH.fullmatch(text) is not None


def append(
    head: ChainHead, notes: Iterable[RowDraft], now_us: int
) -> tuple[list[ChainedRow], ChainHead]:
    """Give each note its place behind the head; all of them are recorded at one moment."""
    at_us = head.next_at_us(now_us)
    links: list[ChainedRow] = []
    n, digest = head.count, head.digest
    for note in notes:
        n += 1
        row = msgspec.json.encode(_row(n, at_us, note))
        digest = _next(digest, row)
        links.append(ChainedRow(n, row, digest))
    return links, ChainHead(n, digest, at_us)


def read_row(row: bytes) -> HistoryRow | None:
    """Read a row; None when it is none."""
    try:
        return msgspec.json.decode(row, type=HistoryRow)
    except msgspec.DecodeError:
        return None


def chain_faults(
    shop: ShopName,
    links: Iterable[ChainedRow],
    head: ChainHead | None,
    kept: ChainHead | None = None,
) -> Iterator[ChainFault]:
    """Walk a history from its first row; yield what is wrong with it, at most one thing.

    `head` is what the history itself says of its end, `kept` a head that was kept elsewhere.
    """
    end = empty_head(shop)
    for link in links:
        fault = _fault(end, link)
        if fault is not None:
            yield fault
            return
        end = ChainHead(link.n, link.digest, end.at_us)
        if kept is not None and kept.count == end.count and kept.digest != end.digest:
            yield ChainFault(
                end.count, "or one before it is not what it was when the head was kept"
            )
            return
    said = 0 if head is None else head.count
    if said > end.count:
        yield ChainFault(end.count + 1, f"is missing, and all up to {said}, the last one")
    elif head is None and end.count:
        yield ChainFault(end.count, "is the last one, and no head tells of it")
    elif head is not None and (head.count, head.digest) != (end.count, end.digest):
        yield ChainFault(
            end.count, f"is the last one, and the head tells of row {said} as the last"
        )
    elif kept is not None and kept.count > end.count:
        yield ChainFault(
            end.count + 1,
            f"is missing, and all up to {kept.count}: the store is older than the head that was "
            "kept, as after a restored backup",
        )


def _fault(end: ChainHead, link: ChainedRow) -> ChainFault | None:
    expected = end.count + 1
    if link.n != expected:
        return ChainFault(expected, f"is missing: row {link.n} follows row {end.count}")
    row = read_row(link.row)
    if row is not None and row.n != expected:
        return ChainFault(expected, f"was put in another's place: it says that it is row {row.n}")
    if not link.is_exact:
        return ChainFault(expected, "was edited: something stands beside the row and its hash")
    if row is None or link.digest != _next(end.digest, link.row):
        return ChainFault(expected, "was edited: its hash does not follow from it and those before")
    return None


def _row(n: int, at_us: int, note: RowDraft) -> HistoryRow:
    return HistoryRow(
        n,
        at_us,
        note.kind,
        None if note.customer is None else note.customer.hex(),
        note.subject,
        note.word,
        note.actor,
        note.said_at_us,
        note.policy_version,
        note.source,
    )


def _next(digest: str, row: bytes) -> str:
    return hashlib.sha256(bytes.fromhex(digest) + row).hexdigest()
