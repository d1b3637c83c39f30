"""What offers cover, turned around: which offers cover an item, and how much of a category.

Made once per change of offers or catalogue. A customer's few hundred items then touch only the
offers that cover them, however many items an offer has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from recsvc.domain.offers.offer import Offer
from recsvc.model.artifact.format import Array
from recsvc.model.offers.inputs import WeightedRows

BREADTH = 0.3  # exponent: an offer that covers a thousand times the items counts an eighth


class CoveredItems(Protocol):
    """The items that there are: their rows, and what offers ask of them."""

    @property
    def popularity(self) -> Array: ...  # (items,) not below 0

    @property
    def categories(self) -> Array: ...  # (items,) codes, below 0: unknown

    @property
    def brands(self) -> Array: ...  # (items,) codes, below 0: unknown

    def rows(self, item_ids: Sequence[str]) -> Sequence[int | None]: ...

    def category(self, name: str) -> int | None: ...

    def brand(self, name: str) -> int | None: ...


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """For each row the offers that it touches, and how much of it: all of it without shares."""

    offsets: Array  # (rows + 1,) int64
    offers: Array  # (entries,) int32
    shares: Array | None = None  # (entries,)

    def touched(self, rows: Array) -> tuple[Array, Array]:
        """Return the entries of the rows, one row after the other, and how many each has."""
        starts = self.offsets.take(rows)
        lengths = self.offsets.take(rows + 1) - starts
        ends = lengths.cumsum()
        total = int(ends[-1]) if len(ends) else 0
        return np.arange(total) + (starts - ends + lengths).repeat(lengths), lengths

    def known(self, given: WeightedRows) -> WeightedRows:
        """Leave out rows that are newer than these postings."""
        size = len(self.offsets) - 1
        if not len(given.rows) or given.rows.max() < size:
            return given
        kept = given.rows < size
        return WeightedRows(given.rows[kept], given.weights[kept])


@dataclass(frozen=True, slots=True, eq=False)
class CoverageIndex:
    items: Postings  # without offers for all items
    categories: Postings
    covers_all: Array  # (offers,) bool: those
    specificity: Array  # (offers,) the fewer items, the higher
    popularity: Array  # (offers,) of what is covered, 1 at most


def coverage_of(
    offers: Sequence[Offer], covered: Sequence[Array], items: CoveredItems
) -> CoverageIndex:
    """`covered`: item rows of each offer, as `covered_rows` returns them."""
    covers_all = np.array([offer.is_for_all_items for offer in offers], dtype=bool)
    popularity = np.asarray(items.popularity, dtype=np.float64)  # (items,)
    sums = np.array([popularity[rows].sum() for rows in covered])
    sums = np.where(covers_all, popularity.sum(), sums)
    named = [max(len(offer.items), len(rows)) for offer, rows in zip(offers, covered, strict=True)]
    breadth = np.where(covers_all, len(popularity), np.array(named, dtype=np.int64))
    return CoverageIndex(
        items=_by_item(covered, len(popularity)),
        categories=_by_category(covered, items),
        covers_all=covers_all,
        specificity=np.maximum(breadth, 1) ** -BREADTH,
        popularity=sums / max(float(sums.max(initial=0.0)), 1e-300),
    )


def covered_rows(offer: Offer, items: CoveredItems) -> Array:
    """Return the rows of the items that an offer covers, ascending; none for all items."""
    parts = [np.array([row for row in items.rows(offer.items) if row is not None], np.int64)]
    for codes, name_of, names in (
        (items.categories, items.category, offer.categories),
        (items.brands, items.brand, offer.brands),
    ):
        named_codes = [code for code in map(name_of, names) if code is not None]
        if named_codes:
            parts.append(np.flatnonzero(np.isin(codes, named_codes)))
    return np.unique(np.concatenate(parts)).astype(np.int32)


def _by_item(covered: Sequence[Array], size: int) -> Postings:
    offsets = np.zeros(size + 1, dtype=np.int64)
    for rows in covered:
        offsets[rows + 1] += 1  # an offer covers an item once
    np.cumsum(offsets, out=offsets)
    offers = np.zeros(int(offsets[-1]), dtype=np.int32)
    free = offsets[:-1].copy()
    for offer, rows in enumerate(covered):
        places = free[rows]
        offers[places] = offer
        free[rows] = places + 1
    return Postings(offsets, offers)


def _by_category(covered: Sequence[Array], items: CoveredItems) -> Postings:
    """Weigh each offer's part of a category by what is bought of it."""
    codes = np.asarray(items.categories, dtype=np.int64) + 1  # 0: unknown
    popularity = np.asarray(items.popularity, dtype=np.float64)
    size = int(codes.max(initial=0)) + 1
    totals = np.maximum(np.bincount(codes, popularity, size), 1e-300)
    parts = [np.bincount(codes[rows], popularity[rows], size)[1:] for rows in covered]
    held = [np.flatnonzero(part) for part in parts]
    none = np.zeros(0)
    found = np.concatenate([none.astype(np.int64), *held])
    shares = np.concatenate([none, *(part[at] for part, at in zip(parts, held, strict=True))])
    offers = np.repeat(np.arange(len(covered), dtype=np.int32), [len(at) for at in held])
    order = np.argsort(found, kind="stable")
    offsets = np.zeros(size, dtype=np.int64)
    np.cumsum(np.bincount(found, minlength=size - 1), out=offsets[1:])
    return Postings(offsets, offers[order], (shares / totals[1:][found])[order])
