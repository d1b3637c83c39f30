"""Ids to rows and back: memory-mapped, sorted arrays, and a hash index of the items' ids.

No dictionary: a million strings in every worker would take more memory than the model; the index
takes 8 to 12 bytes an item. Customers are found by binary search: a request has one. An unknown id
is None, never −1. numpy's `S` type has two pitfalls, both handled here: it silently truncates a
longer text to the array's width, and it drops trailing NULs when a value is read.
"""

from collections.abc import Sequence

import numpy as np

from recsvc.domain.values.customer_keys import CUSTOMER_KEY_BYTES
from recsvc.model.artifact.format import Array
from recsvc.model.kernels.kernels import (
    FIRST_HASH,
    HASH_FACTOR,
    HASH_MASK,
    ROWS_PER_HEAD,
    UNKNOWN_ROW,
    IdIndex,
    find,
    find_all,
    find_sorted,
)


class IdMap:
    """Ids, sorted bytewise; the row of an id is its position."""

    __slots__ = ("_ids", "_width", "index")

    def __init__(self, ids: Array) -> None:
        self._ids = ids  # (rows,) S
        self._width = ids.dtype.itemsize
        self.index = _index_of(ids)

    def row(self, text: str) -> int | None:
        try:
            encoded = text.encode()
        except UnicodeEncodeError:  # a lone surrogate
            return None
        if not 0 < len(encoded) <= self._width or encoded[-1] == 0:
            return None
        return _known(find.run(self.index, encoded))

    def id(self, row: int) -> str:
        if row < 0:
            raise IndexError(f"there is no row {row}")
        text: bytes = self._ids.item(row)
        return text.decode()

    def ids(self, rows: Sequence[int]) -> list[str]:
        """Return the ids of rows. Rows must not be negative."""
        # An index and not `take`, which releases the interpreter lock.
        return [text.decode() for text in self._ids[np.array(rows, np.int64)].tolist()]

    def rows(self, texts: Sequence[str]) -> Array:
        """Return the row of each id, (texts,) int64. −1 (inside this package only): unknown."""
        encoded = [text.encode(errors="replace") for text in texts]
        # Truncates longer texts, which `complete` excludes.
        sought = np.array(encoded, dtype=self._ids.dtype)
        rows = np.minimum(self._ids.searchsorted(sought), max(len(self._ids) - 1, 0))
        if not len(self._ids):
            return np.full(len(texts), -1, dtype=np.int64)
        complete = np.fromiter((len(text) <= self._width for text in encoded), bool, len(texts))
        return np.where(complete & (self._ids[rows] == sought), rows, -1)

    def rows_of(self, ids: Sequence[str]) -> Array:
        """Return the row of each valid id, (ids,) int64; UNKNOWN_ROW: unknown."""
        # A compiled search; `rows` takes any text, but encodes and compares each.
        return find_all.run(self.index, "\n".join(ids).encode(), len(ids))

    def __len__(self) -> int:
        return len(self._ids)


class CustomerMap:
    """Customer keys of 16 bytes, sorted; a key's row is its position."""

    __slots__ = ("heads", "letters")

    def __init__(self, keys: Array) -> None:
        """`keys`: (customers,) S16."""
        self.letters = _letters(keys)  # (customers, 16) uint8
        self.heads = self.letters[::ROWS_PER_HEAD].copy()  # (heads, 16)

    def row(self, key: bytes) -> int | None:
        if len(key) != CUSTOMER_KEY_BYTES:
            return None
        return _known(find_sorted.run(self.letters, self.heads, key))


def _index_of(ids: Array) -> IdIndex:
    """Return the index of distinct ids, (rows,) S: one bucket per id or more, a power of two."""
    letters, lengths = _letters(ids), np.strings.str_len(ids)
    hashes = np.full(len(ids), FIRST_HASH, np.uint64)
    for place in range(int(lengths.max(initial=0))):
        longer = ((hashes ^ letters[:, place]) * np.uint64(HASH_FACTOR)) & np.uint64(HASH_MASK)
        hashes = np.where(lengths > place, longer, hashes)
    buckets = (hashes & np.uint64(_buckets_for(len(ids)) - 1)).astype(np.int64)
    ends = np.bincount(buckets, minlength=_buckets_for(len(ids))).cumsum()
    starts = np.concatenate([[0], ends]).astype(np.int32)
    return letters, starts, np.argsort(buckets, kind="stable").astype(np.int32)


def _buckets_for(total: int) -> int:
    return 1 << max(total - 1, 0).bit_length()


def _letters(texts: Array) -> Array:
    return texts.view(np.uint8).reshape(len(texts), texts.dtype.itemsize)


def _known(row: int) -> int | None:
    return None if row == UNKNOWN_ROW else row
