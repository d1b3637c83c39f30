"""The live catalogue joined to one model: available items, filters, popular and trending items.

Rows here are item rows: those of the model first, then one per catalogue item outside the model.
A model item without a catalogue record is available, so a shop without a catalogue is served too;
it passes no filter on a property that only the catalogue knows.
"""

import math
from collections.abc import Sequence

import numpy as np

from recsvc.domain.catalogue.list_query import NO_FILTERS, Filters
from recsvc.domain.catalogue.slates import ReasonCode
from recsvc.domain.values.ids import ItemId
from recsvc.model.artifact.format import Array
from recsvc.model.kernels.kernels import UNKNOWN_ROW, ItemFilter
from recsvc.model.ranking.catalogue_columns import CatalogueColumns, grown
from recsvc.model.ranking.category_best import best_of_category
from recsvc.model.ranking.category_sets import NO_CATEGORY, is_in
from recsvc.model.ranking.item_filters import compiled_filter
from recsvc.model.ranking.live_ranking import LiveRanking
from recsvc.model.registry.candidates import Candidates
from recsvc.model.registry.loaded import LoadedModel

_NOT_IN_CATALOGUE = -1  # in the join only: a model item without a catalogue record
_MAX_CACHED = 1000  # lists of categories
NEVER = np.iinfo(np.int64).max


class LiveItems:
    """The items and their availability. `update` and `refresh` run in one thread at a time."""

    def __init__(self, model: LoadedModel, columns: CatalogueColumns, now_us: int) -> None:
        self.model = model
        self.columns = columns
        self.size = len(model.items)
        self.unavailable = np.zeros(self.size, dtype=bool)  # (items,) not in any answer now
        self.sensitive = np.zeros(self.size, dtype=bool)  # (items,) never named as a reason
        self.next_change_us = NEVER  # next begin or end of an item's availability
        self.availability_changes = 0  # increases after each change of `unavailable`
        self._catalogue_rows = np.full(self.size, _NOT_IN_CATALOGUE, np.int32)  # (items,)
        self._category_sets = np.full(self.size, NO_CATEGORY, np.int32)  # (items,) codes of sets
        self._item_rows = np.zeros(0, dtype=np.int64)  # (catalogue rows,)
        self._by_category: dict[tuple[str, ...], Candidates] = {}
        self._best_of: dict[str, Candidates] = {}  # by category
        self._hidden = self.unavailable | self.sensitive  # (items,) not in any list of an item
        self._unfiltered = self._item_filter(NO_FILTERS)
        self._ranking = LiveRanking()
        self._trending: tuple[LiveRanking, Array, Candidates] | None = None
        self._unranked: tuple[Array, Candidates] | None = None
        self.refresh(now_us)

    def update(self, rows: Sequence[int], now_us: int) -> None:
        """Apply the changes of these catalogue rows."""
        self._join(now_us)
        self._by_category, self._best_of = {}, {}
        next_change_us = self._apply(np.array(rows, dtype=np.int64), now_us)
        self.next_change_us = min(self.next_change_us, next_change_us)

    def refresh(self, now_us: int) -> None:
        """Recompute every item, after a change of time or an unknown change."""
        self._join(now_us)
        self._by_category, self._best_of = {}, {}
        self.next_change_us = self._apply(np.arange(len(self._item_rows)), now_us)

    @property
    def items_total(self) -> int:
        """The number of items that the model or the catalogue knows."""
        return len(self._catalogue_rows)

    @property
    def stamp(self) -> tuple[int, int]:
        """A value that changes when items are added or the category or brand of one changes."""
        return self.items_total, self.columns.label_changes

    @property
    def has_items_outside_model(self) -> bool:
        """Whether the catalogue has items that the model does not know."""
        return len(self._catalogue_rows) > self.size

    def row(self, item_id: str) -> int | None:
        """Return the item's row; None if neither the model nor the catalogue knows it."""
        row = self.model.items.row(item_id)
        if row is not None:
            return row
        return self._outside_model(item_id)

    def rows(self, item_ids: Sequence[str]) -> list[int | None]:
        """Return the row of each item, as `row` does."""
        found: list[int] = self.model.items.rows(item_ids).tolist()
        return [
            row if row >= 0 else self._outside_model(item_id)
            for row, item_id in zip(found, item_ids, strict=True)
        ]

    def rows_of(self, item_ids: Sequence[ItemId]) -> Array:
        """Return the row of each item, (items,) int64; UNKNOWN_ROW: unknown."""
        rows = self.model.items.rows_of(item_ids)
        if self.has_items_outside_model:
            for place in np.flatnonzero(rows == UNKNOWN_ROW).tolist():
                row = self._outside_model(item_ids[place])
                rows[place] = UNKNOWN_ROW if row is None else row
        return rows

    def is_sensitive(self, row: int | None) -> bool:
        return row is not None and bool(self.sensitive.item(row))

    def ids(self, rows: Sequence[int]) -> list[str]:
        items, size = self.model.items, self.size
        if not self.has_items_outside_model:
            return items.ids(rows)
        return [
            items.id(row) if row < size else self.columns.ids[self._catalogue_rows.item(row)]
            for row in rows
        ]

    def record(self, row: int) -> bytes:
        """Return the catalogue record of an item; empty if there is none."""
        at = self._catalogue_rows.item(row)
        return b"" if at == _NOT_IN_CATALOGUE else self.columns.records[at]

    def categories(self, rows: Sequence[int] | Array) -> Array:
        """Return the code of each row's own category; below 0: unknown."""
        return self.columns.categories.own(self.category_sets(rows))

    def category_sets(self, rows: Sequence[int] | Array) -> Array:
        """Return the code of each row's set of categories; below 0: unknown."""
        codes: Array = self._category_sets[np.asarray(rows, dtype=np.int64)]
        return codes

    def brands(self, rows: Array) -> Array:
        """Return the brand code of each row; below 0: unknown."""
        return self._labels("brand", rows)

    def groups(self, rows: Sequence[int] | Array) -> Array:
        """Return the code of the product of which each row is a variant; below 0: none."""
        return self._labels("group", np.asarray(rows, dtype=np.int64))

    def _labels(self, column: str, rows: Array) -> Array:
        at: Array = self._catalogue_rows[rows]
        if not len(self.columns):
            return at
        return np.where(at == _NOT_IN_CATALOGUE, _NOT_IN_CATALOGUE, self.columns.table[column][at])

    def price(self, row: int) -> float:
        """Return the price of an item; NaN: unknown."""
        at = self._catalogue_rows.item(row)
        return math.nan if at == _NOT_IN_CATALOGUE else float(self.columns.table["price"].item(at))

    def item_filter(self, filters: Filters) -> ItemFilter:
        """Return the filter that available items matching `filters` pass."""
        if filters.is_empty:
            return self._unfiltered
        return self._item_filter(filters)

    def filter_without_sensitive(self, filters: Filters) -> ItemFilter:
        """Return the same filter for lists of an item or a customer: no sensitive item passes."""
        return (self._hidden, *self.item_filter(filters)[1:])

    def _item_filter(self, filters: Filters) -> ItemFilter:
        # The table is read last, so it has every catalogue row that the join refers to.
        rows = (self.unavailable, self._category_sets, self._catalogue_rows)
        return compiled_filter(filters, *rows, self.columns)

    def popular(self, filters: Filters) -> Candidates:
        """Return the model's popular items; with a filter on one category, only those in it."""
        if len(filters.categories) != 1 or not len(self.columns):
            return self.model.popular()
        return self._popular_in(filters.categories)

    def category_of(self, row: int) -> str | None:
        """Return the path of the item's own category."""
        code = self.columns.categories.own(self._category_sets[row : row + 1]).item()
        return None if code < 0 else self.columns.categories.names[code]

    def best_of(self, category: str) -> Candidates:
        """Return the best items of a category, cached until the catalogue changes."""
        cached = self._best_of
        if category not in cached:
            if len(cached) >= _MAX_CACHED:
                cached.clear()
            within = self.columns.categories.wanted((category,))
            popular = self._popular_in((category,))
            cached[category] = best_of_category(popular, self._category_sets, within)
        return cached[category]

    def unranked(self) -> Candidates:
        """Return the catalogue items that are not in the model's popular list.

        Fewer customers bought them than the k-anonymity threshold, or they are newer than the
        model.
        """
        item_rows, unranked = self._item_rows, self._unranked
        if unranked is None or unranked[0] is not item_rows:
            unranked = self._unranked = (item_rows, self._without_rank(item_rows))
        return unranked[1]

    def _without_rank(self, item_rows: Array) -> Candidates:
        """Return the items in the order in which the catalogue listed them."""
        is_ranked = np.zeros(int(item_rows.max(initial=-1)) + 1 + self.size, dtype=bool)
        is_ranked[self.model.popular().items] = True
        rows = item_rows[~is_ranked[item_rows]].astype(np.int32)
        reasons = np.full(len(rows), ReasonCode.POPULAR, dtype=np.uint8)
        return Candidates(rows, np.zeros(len(rows), dtype=np.float32), reasons)

    def set_live_ranking(self, ranking: LiveRanking) -> None:
        """Set the latest snapshot of the trending items."""
        self._ranking = ranking

    def trending(self) -> Candidates:
        """Return the items that are trending in recent events."""
        ranking, item_rows, trending = self._ranking, self._item_rows, self._trending
        if trending is None or trending[0] is not ranking or trending[1] is not item_rows:
            trending = self._trending = (ranking, item_rows, self._candidates_of(ranking))
        return trending[2]

    def trending_outside_model(self) -> Candidates:
        """Return the trending items that the model does not know."""
        trending = self.trending()
        new = trending.at(np.flatnonzero(trending.items >= self.size))
        reasons = np.full(len(new), ReasonCode.POPULAR, dtype=np.uint8)
        return Candidates(new.items, new.scores, reasons)

    def _candidates_of(self, ranking: LiveRanking) -> Candidates:
        found = self.rows(ranking.items)
        pairs = zip(found, ranking.scores, strict=True)
        known = [(row, score) for row, score in pairs if row is not None]
        return Candidates(
            np.array([row for row, _ in known], dtype=np.int32),
            np.array([score for _, score in known], dtype=np.float32),
            np.full(len(known), ReasonCode.TRENDING, dtype=np.uint8),
        )

    def _outside_model(self, item_id: str) -> int | None:
        """Return the row of an item that the model does not know."""
        at = self.columns.row(item_id)
        if at is None or at >= len(self._item_rows):  # its join is in progress
            return None
        return self._item_rows.item(at)

    def _popular_in(self, named: tuple[str, ...]) -> Candidates:
        """Return the popular items of categories, cached until the catalogue changes."""
        cached = self._by_category
        if named not in cached:
            if len(cached) >= _MAX_CACHED:
                cached.clear()
            popular = self.model.popular()
            within = [self.columns.categories.sets_within(name) for name in named]
            sets = self.category_sets(popular.items)
            cached[named] = popular.at(np.flatnonzero(is_in(sets, within)))
        return cached[named]

    def _join(self, now_us: int) -> None:
        """Assign an item row to each catalogue row that has none yet.

        Requests read concurrently, so an item is marked unavailable before it is listed.
        """
        first = len(self._item_rows)
        new = self.columns.ids[first:]
        if not new:
            return
        found = self.model.items.rows(new)
        outside_model = found < 0
        added = np.count_nonzero(outside_model)
        found[outside_model] = len(self._catalogue_rows) + np.arange(added)
        unlisted = np.full(added, _NOT_IN_CATALOGUE, dtype=np.int32)
        catalogue_rows = np.append(self._catalogue_rows, unlisted)
        rows = np.arange(first, first + len(new))
        catalogue_rows[found] = rows
        unavailable = self._is_unavailable(rows, now_us)
        sensitive = self.columns.table["is_sensitive"][rows]
        self.unavailable = grown(self.unavailable, len(catalogue_rows), found[unavailable])
        self.sensitive = grown(self.sensitive, len(catalogue_rows), found[sensitive])
        unknown = np.full(added, NO_CATEGORY, np.int32)
        sets = np.append(self._category_sets, unknown)
        sets[found] = self.columns.table["category_set"][rows]
        self._category_sets = sets
        self._catalogue_rows = catalogue_rows
        self._unfiltered = self._item_filter(NO_FILTERS)
        self._hidden = self.unavailable | self.sensitive
        self._item_rows = np.append(self._item_rows, found)
        self.availability_changes += 1

    def _apply(self, rows: Array, now_us: int) -> int:
        """Recompute these catalogue rows; return the next begin or end of their availability."""
        table = self.columns.table
        self.unavailable[self._item_rows[rows]] = self._is_unavailable(rows, now_us)
        self._category_sets[self._item_rows[rows]] = table["category_set"][rows]
        self.sensitive[self._item_rows[rows]] = table["is_sensitive"][rows]
        self._hidden = self.unavailable | self.sensitive
        self.availability_changes += 1
        moments = np.concatenate([table["from_us"][rows], table["until_us"][rows]])
        return int(moments[moments > now_us].min(initial=NEVER))

    def _is_unavailable(self, rows: Array, now_us: int) -> Array:
        table = self.columns.table
        begins, ends = table["from_us"][rows], table["until_us"][rows]
        unavailable: Array = table["is_unavailable"][rows] | (begins > now_us) | (ends <= now_us)
        return unavailable
