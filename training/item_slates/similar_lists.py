"""Lists of items that could be taken instead of an item, for every item of the catalogue.

Items of the same judged category come first, all of them compared with each other; then the popular
items within that category, of children that are judged alone; then those of the parents, the
nearest first. An item without a category, or in one too large to compare, is compared with the
items that the same customers bought and those of similar text instead.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.dataset.history import Flags, Floats, Rows
from training.dataset.segments import NOTHING
from training.item_slates.maker import Source
from training.item_slates.similar_pool import Pools
from training.item_slates.similar_scores import Factors, PairScores, Weights
from training.ranking.top_k import best_columns
from training.recommenders.neighbour_lists import NeighbourLists

LISTED = 50
LARGEST_GROUP = 2000  # items; all pairs of a larger category would cost too much
_BLOCK = 256  # items compared at once
_VARIANTS = 2  # of one product in a list: the other one is for when the first is sold out
_LOWEST = np.float32(-1e9)
_NONE = np.zeros(0, np.int64)
_LEAST_LOG = -14.0  # of a score / the best one of its list
_FILL = np.float32(0.98)  # ratio of the scores of two filled places


@dataclass(frozen=True, slots=True)
class SimilarLists:
    """The lists of the items `rows`; shape (rows, LISTED)."""

    rows: Rows
    lists: NeighbourLists
    sources: NDArray[np.uint8]  # Source
    hidden: int  # listed pairs scored without the purchases of their fewer than k customers


def similar_lists_of(
    scores: PairScores, rows: Rows, weights: Mapping[str, Weights]
) -> dict[str, SimilarLists]:
    """Return the lists of the items `rows` for each set of weights."""
    builders = {name: _Builder(scores, rows) for name in weights}
    for compared in _compared(scores, rows):
        for name, exponents in weights.items():
            builders[name].rank(compared, exponents)
    return {name: builder.finished() for name, builder in builders.items()}


def shown_items(scores: PairScores) -> Flags:
    """Mark the items that may be in a list: those of the catalogue, and others with k buyers."""
    return np.asarray(scores.properties.listed | (scores.buyers >= max(scores.k, 1)))


@dataclass(frozen=True, slots=True)
class _Compared:
    places: Rows  # in the rows of the lists
    others: Rows  # (others,), or (places, others): the items that they are compared with
    factors: Factors
    fill: Rows  # the items that continue a short list


def _compared(scores: PairScores, rows: Rows) -> Iterator[_Compared]:
    """Compare the items with those of their category, or with their pools."""
    shown, groups = shown_items(scores), scores.properties.groups
    members = np.flatnonzero(shown & (groups >= 0))
    members = members[np.argsort(groups[members], kind="stable")]
    of_member, fill = groups[members], _Fill(scores)
    pooled = []
    for places in _by_group(groups[rows]):
        group = groups[rows[places[0]]]
        others = members[slice(*np.searchsorted(of_member, [group, group + 1]))]
        is_whole = group >= 0 and len(others) <= LARGEST_GROUP
        needed = len(others) <= LISTED or not is_whole
        more = fill.of(rows[places[0]]) if needed else _NONE
        if not is_whole:
            pooled.append((places, more))
            continue
        for start in range(0, len(places), _BLOCK):
            some = places[start : start + _BLOCK]
            yield _Compared(some, others, scores.in_category(rows[some], others), more)
    if not pooled:
        return
    pools = Pools(scores, shown)
    for places, more in pooled:
        for some, others, factors in pools.compared(places, rows):
            yield _Compared(some, others, factors, more)


def _by_group(groups: Rows) -> list[Rows]:
    """Return the places of each group."""
    order = np.argsort(groups, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)


class _Builder:
    """Collects the lists of one set of weights."""

    def __init__(self, scores: PairScores, rows: Rows) -> None:
        self._rows = rows
        products = scores.properties.products
        self._products = products if (products >= 0).any() else None
        shape = (len(rows), LISTED)
        self._columns: Rows = np.full(shape, NOTHING, np.int64)
        self._scores: Floats = np.zeros(shape, np.float32)
        self._sources = np.full(shape, Source.CATEGORY, np.uint8)
        self._hidden = 0

    def rank(self, compared: "_Compared", weights: Weights) -> None:
        """Write the best others of some items; an item is not in its own list."""
        places, factors = compared.places, compared.factors
        values = factors.scores(weights)
        others = np.broadcast_to(compared.others, values.shape)
        values[self._rows[places][:, None] == others] = -np.inf
        top = best_columns(values, None, LISTED if self._products is None else 4 * LISTED)
        kept, taken = top.columns != NOTHING, np.maximum(top.columns, 0)
        if self._products is not None:
            columns = np.where(kept, np.take_along_axis(others, taken, axis=1), NOTHING)
            kept &= ~_further_variants(self._products, columns)
        order = np.argsort(~kept, axis=1, kind="stable")[:, :LISTED]
        kept, taken, best = (
            np.take_along_axis(each, order, axis=1) for each in (kept, taken, top.scores)
        )
        width = kept.shape[1]
        if width:
            columns = np.where(kept, np.take_along_axis(others, taken, axis=1), NOTHING)
            self._columns[places, :width] = columns
            best = np.where(kept, best, _LOWEST)
            behind = np.maximum(best - best[:, :1], _LEAST_LOG)
            self._scores[places, :width] = np.exp(behind) * kept
            self._note_sources(places, taken, kept, factors)
        if width < LISTED or not kept.all():
            self._fill(places, compared.fill)

    def _note_sources(self, places: Rows, taken: Rows, kept: Flags, factors: Factors) -> None:
        at = np.arange(len(places))[:, None]
        sources = np.where(factors.has_text[at, taken], Source.CONTENT, Source.CATEGORY)
        sources = np.where(factors.has_behaviour[at, taken], Source.BEHAVIOUR, sources)
        self._sources[places, : sources.shape[1]] = sources
        self._hidden += int((factors.is_hidden[at, taken] & kept).sum())

    def _fill(self, places: Rows, fill: Rows) -> None:
        """Continue lists with the items of `fill` that they do not have."""
        columns = self._columns[places]
        counts = (columns != NOTHING).sum(axis=1)
        new = ~(columns[:, :, None] == fill).any(axis=1) & (self._rows[places][:, None] != fill)
        step = np.cumsum(new, axis=1)  # (places, fill)
        row, entry = np.nonzero(new & (counts[:, None] + step <= LISTED))
        at = (places[row], counts[row] + step[row, entry] - 1)
        self._columns[at] = fill[entry]
        self._sources[at] = Source.CATEGORY
        last = self._scores[places, np.maximum(counts, 1) - 1]
        last = np.where(counts > 0, last, np.float32(1))
        self._scores[at] = last[row] * _FILL ** step[row, entry]

    def finished(self) -> SimilarLists:
        lists = NeighbourLists(self._columns, self._scores)
        return SimilarLists(self._rows, lists, self._sources, self._hidden)


class _Fill:
    """The popular items within a category and its parents, the nearest first."""

    def __init__(self, scores: PairScores) -> None:
        self._tree = scores.properties.tree
        shown = np.flatnonzero(shown_items(scores))
        best_first = shown[np.argsort(-scores.popularity[shown], kind="stable")]
        levels = self._tree.levels[best_first]
        row, _ = listed = np.nonzero(levels >= 0)
        order = np.argsort(levels[listed], kind="stable")
        self._categories, self._items = levels[listed][order], best_first[row[order]]

    def of(self, item: int) -> Rows:
        """Return those of an item's judged category, then of its parents."""
        category, levels = self._tree.judged[item], self._tree.levels[item]
        if category < 0:
            return np.zeros(0, np.int64)
        above = levels[int(np.flatnonzero(levels == category)[0]) :]
        parts = [self._of_category(int(level)) for level in above[above >= 0]]
        joined = np.concatenate([np.zeros(0, np.int64), *parts])
        _, first = np.unique(joined, return_index=True)
        return np.asarray(joined[np.sort(first)])

    def _of_category(self, category: int) -> Rows:
        start, end = np.searchsorted(self._categories, [category, category + 1])
        return np.asarray(self._items[start : min(end, start + 2 * LISTED)])


def _further_variants(products: Rows, columns: Rows) -> Flags:
    """Mark the listed variants of a product after the first _VARIANTS in a list."""
    codes = np.where(columns >= 0, products[np.maximum(columns, 0)], -1)
    order = np.argsort(codes, axis=1, kind="stable")
    ordered = np.take_along_axis(codes, order, axis=1)
    marked = np.zeros(codes.shape, dtype=bool)
    repeated = ordered[:, _VARIANTS:] == ordered[:, :-_VARIANTS]
    np.put_along_axis(marked, order[:, _VARIANTS:], repeated, axis=1)
    return np.asarray(marked & (codes >= 0))
