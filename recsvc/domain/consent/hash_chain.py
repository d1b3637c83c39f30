"""The consent history: a hash chain of rows. Pure.

hash n = SHA-256(hash n−1 ‖ row n); hash 0 is a hash of the shop's name. A row is JSON with its
members in the order of `HistoryRow`, and names a customer by keyed hash alone. A `ChainHead` that
is kept outside the store proves later that the history up to it is unchanged.
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
    """The origin of a change."""

    LIVE = "live"
    IMPORT = "import"
    FLAG = "flag"
    POLICY = "policy"
    MERGE = "merge"
    ERASE = "erase"


@dataclass(frozen=True, slots=True)
class RowDraft:
    """One change before it is appended.

    `subject`: a purpose, a flag or `customer`. `word`: the new value. `actor`: the id of the API
    key, or `cli`. `said_at_us`: the time of the statement or erasure itself.
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
    """One row of the history; the field names are the stored JSON members.

    `at`: when it was recorded, in µs since 1970; later than the rows of every earlier
    step even after a clock jump. `said_at`: the time of the statement or erasure itself.
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
    """The end of a history: number of rows, hash of all rows, time of the last row."""

    count: int
    digest: str
    at_us: int

    def __str__(self) -> str:
        return f"{self.count} {self.digest} {rfc3339(self.at_us)}"

    def next_at_us(self, now_us: int) -> int:
        """Return the time of the next step, later than the last row even if the clock is behind."""
        return max(now_us, self.at_us + 1)


@dataclass(frozen=True, slots=True)
class ChainedRow:
    """A stored row. `is_exact`: the entry holds no other fields."""

    n: int
    row: bytes
    digest: str
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class ChainFault:
    """A fault of a history; `what` completes the sentence "row n …"."""

    n: int
    what: str


NO_HISTORY = ChainFault(
    1, "is missing, as are all others: the key of the history holds another type"
)


def empty_head(shop: ShopName) -> ChainHead:
    """Return the head of a history without rows."""
    return ChainHead(0, hashlib.sha256(f"recsvc history of {shop}".encode()).hexdigest(), 0)


def parse_head(text: str) -> ChainHead | None:
    """Parse the text of a head; None if it is not one."""
    parts = text.split()
    if len(parts) != 3 or not (parts[0].isascii() and parts[0].isdigit()):
        return None
    at_us = parse_rfc3339(parts[2])
    if at_us is None or not is_digest(parts[1]) or len(parts[0]) > 16:
        return None
    return ChainHead(int(parts[0]), parts[1], at_us)


def is_digest(text: str) -> bool:
    return _HASH.fullmatch(text) is not None


def append(
    head: ChainHead, drafts: Iterable[RowDraft], now_us: int
) -> tuple[list[ChainedRow], ChainHead]:
    """Chain the rows to the head; all of them get the same time."""
    at_us = head.next_at_us(now_us)
    links: list[ChainedRow] = []
    n, digest = head.count, head.digest
    for draft in drafts:
        n += 1
        row = msgspec.json.encode(_row(n, at_us, draft))
        digest = _next(digest, row)
        links.append(ChainedRow(n, row, digest))
    return links, ChainHead(n, digest, at_us)


def read_row(row: bytes) -> HistoryRow | None:
    """Decode a row; None if it cannot be decoded."""
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
    """Verify a history from its first row; yield its first fault, if any.

    `head`: the head in the store. `kept`: an earlier head that was kept outside the store.
    """
    end = empty_head(shop)
    for link in links:
        fault = _fault(end, link)
        if fault is not None:
            yield fault
            return
        end = ChainHead(link.n, link.digest, end.at_us)
        if kept is not None and kept.count == end.count and kept.digest != end.digest:
            yield ChainFault(end.count, "or an earlier one was changed after the head was kept")
            return
    stated = 0 if head is None else head.count
    if stated > end.count:
        yield ChainFault(end.count + 1, f"is missing, as are all up to row {stated}, the last")
    elif head is None and end.count:
        yield ChainFault(end.count, "is the last, but the store has no head")
    elif head is not None and (head.count, head.digest) != (end.count, end.digest):
        yield ChainFault(end.count, f"is the last, but the head names row {stated} as the last")
    elif kept is not None and kept.count > end.count:
        yield ChainFault(
            end.count + 1,
            f"is missing, as are all up to row {kept.count}: the store is older than the kept "
            "head, as after restoring a backup",
        )


def _fault(end: ChainHead, link: ChainedRow) -> ChainFault | None:
    expected = end.count + 1
    if link.n != expected:
        return ChainFault(expected, f"is missing: row {link.n} follows row {end.count}")
    row = read_row(link.row)
    if row is not None and row.n != expected:
        return ChainFault(expected, f"was moved: its content is that of row {row.n}")
    if not link.is_exact:
        return ChainFault(expected, "was edited: the entry has additional fields")
    if row is None or link.digest != _next(end.digest, link.row):
        return ChainFault(
            expected, "was edited: its hash does not match the row and the previous hash"
        )
    return None


def _row(n: int, at_us: int, draft: RowDraft) -> HistoryRow:
    return HistoryRow(
        n,
        at_us,
        draft.kind,
        None if draft.customer is None else draft.customer.hex(),
        draft.subject,
        draft.word,
        draft.actor,
        draft.said_at_us,
        draft.policy_version,
        draft.source,
    )


def _next(digest: str, row: bytes) -> str:
    return hashlib.sha256(bytes.fromhex(digest) + row).hexdigest()
