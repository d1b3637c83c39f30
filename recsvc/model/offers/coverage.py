"""Inverted index of the items that offers cover: offers by item and by category.

Built once per change of offers or catalogue. A decision then visits only the offers that cover one
of the customer's few hundred items, however many items an offer covers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from recsvc.domain.offers.offer import Offer
from recsvc.model.artifact.format import Array
from recsvc.model.ranking.category_sets import is_in

BREADTH = 0.3  # exponent: an offer that covers 1,000 times the items counts an eighth


class CoveredItems(Protocol):
    """The rows of items and the attributes that offers need."""

    @property
    def popularity(self) -> Array: ...  # (items,) not below 0

    @property
    def categories(self) -> Array: ...  # (items,) codes of judged categories, below 0: unknown

    @property
    def category_sets(self) -> Array: ...  # (items,) codes of sets, below 0: no category

    @property
    def brands(self) -> Array: ...  # (items,) codes, below 0: unknown

    def rows(self, item_ids: Sequence[str]) -> Sequence[int | None]: ...

    def sets_within(self, name: str) -> Array: ...  # sets that contain the category

    def brand(self, name: str) -> int | None: ...


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """The offers of each row and the share of the row's weight that each gets; no shares: all."""

    offsets: Array  # (rows + 1,) int64
    offers: Array  # (entries,) int32
    shares: Array | None = None  # (entries,)


@dataclass(frozen=True, slots=True, eq=False)
class CoverageIndex:
    items: Postings  # offers for all items are not in it
    categories: Postings
    covers_all: Array  # (offers,) bool: covers all items
    specificity: Array  # (offers,) higher for fewer items
    popularity: Array  # (offers,) of the covered items, at most 1


def coverage_of(
    offers: Sequence[Offer], covered: Sequence[Array], items: CoveredItems
) -> CoverageIndex:
    """Build the index. `covered`: the item rows of each offer, from `covered_rows`."""
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
    """Return the rows of the covered items, ascending; no rows for an offer on all items."""
    parts = [np.array([row for row in items.rows(offer.items) if row is not None], np.int64)]
    if offer.categories:
        parts.append(
            np.flatnonzero(is_in(items.category_sets, map(items.sets_within, offer.categories)))
        )
    brands = [code for code in map(items.brand, offer.brands) if code is not None]
    if brands:
        parts.append(np.flatnonzero(np.isin(items.brands, brands)))
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
    """Weigh an offer's share of a category by the popularity of the covered items."""
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
