"""The live catalogue joined to one model: which rows may be offered, and which pass a filter.

Rows here are item rows: those of the model first, then one for each item that the catalogue
has and the model does not. An item of the model that the catalogue does not know is offered:
a shop without a catalogue is served as well; it passes no filter that asks for what only the
catalogue says.
"""

import math
from collections.abc import Sequence

import numpy as np

from recsvc.domain.catalogue.list_query import NO_FILTERS, Filters
from recsvc.domain.catalogue.slates import ReasonCode
from recsvc.model.artifact.format import Array
from recsvc.model.kernels.kernels import (
    HAS_BRANDS,
    HAS_CATEGORIES,
    HAS_MAX_PRICE,
    HAS_MIN_PRICE,
    ItemFilter,
)
from recsvc.model.ranking.catalogue_columns import NO_LABEL, CatalogueColumns
from recsvc.model.ranking.live_ranking import LiveRanking
from recsvc.model.registry.candidates import Candidates
from recsvc.model.registry.loaded import LoadedModel

NOT_IN_CATALOGUE = -1  # in the join only: the catalogue does not know this item of the model
NEVER = np.iinfo(np.int64).max


class LiveItems:
    """What can be offered now. `update` and `refresh` are called by one thread at a time."""

    def __init__(self, model: LoadedModel, columns: CatalogueColumns, now_us: int) -> None:
        self.model = model
        self.columns = columns
        self.size = len(model.items)
        self.unavailable = np.zeros(self.size, dtype=bool)  # (items,) what is not offered now
        self.sensitive = np.zeros(self.size, dtype=bool)  # (items,) what is never a reason
        self.next_change_us = NEVER  # when an item's time begins or ends
        self._listed = np.full(
            self.size, NOT_IN_CATALOGUE, dtype=np.int32
        )  # (items,) catalogue rows
        self._categories = np.full(self.size, NO_LABEL, dtype=np.int32)  # (items,) codes
        self._item_rows = np.zeros(0, dtype=np.int64)  # (catalogue rows,)
        self._by_category: dict[int, Candidates] = {}
        self._offered = self._item_filter(NO_FILTERS)
        self._ranking = LiveRanking()
        self._trending: tuple[LiveRanking, Array, Candidates] | None = None
        self._unranked: tuple[Array, Candidates] | None = None
        self.refresh(now_us)

    def update(self, rows: Sequence[int], now_us: int) -> None:
        """Take over what has changed in these catalogue rows."""
        self._join(now_us)
        self._by_category = {}
        ahead = self._judge(np.array(rows, dtype=np.int64), now_us)
        self.next_change_us = min(self.next_change_us, ahead)

    def refresh(self, now_us: int) -> None:
        """Judge every item anew: time has passed, or nobody said what has changed."""
        self._join(now_us)
        self._by_category = {}
        self.next_change_us = self._judge(np.arange(len(self._item_rows)), now_us)

    @property
    def items_total(self) -> int:
        """How many items model and catalogue know together."""
        return len(self._listed)

    @property
    def stamp(self) -> tuple[int, int]:
        """Return what is another once there are more items, or one has another label."""
        return self.items_total, self.columns.label_changes

    @property
    def has_items_outside_model(self) -> bool:
        """Whether the catalogue has items that the model does not know."""
        return len(self._listed) > self.size

    def row(self, item_id: str) -> int | None:
        """Return the item's row; None when neither model nor catalogue knows it."""
        row = self.model.items.row(item_id)
        if row is not None:
            return row
        return self._only_listed(item_id)

    def rows(self, item_ids: Sequence[str]) -> list[int | None]:
        """Return the row of each item, as `row` does."""
        found: list[int] = self.model.items.rows(item_ids).tolist()
        return [
            row if row >= 0 else self._only_listed(item_id)
            for row, item_id in zip(found, item_ids, strict=True)
        ]

    def is_sensitive(self, row: int | None) -> bool:
        return row is not None and bool(self.sensitive.item(row))

    def ids(self, rows: Sequence[int]) -> list[str]:
        items, size = self.model.items, self.size
        if not self.has_items_outside_model:
            return items.ids(rows)
        return [
            items.id(row) if row < size else self.columns.ids[self._listed.item(row)]
            for row in rows
        ]

    def record(self, row: int) -> bytes:
        """Return what the catalogue says of an item; empty when it says nothing."""
        listed = self._listed.item(row)
        return b"" if listed == NOT_IN_CATALOGUE else self.columns.records[listed]

    def categories(self, rows: Sequence[int] | Array) -> Array:
        """Return the category code of each row; below 0: unknown."""
        codes: Array = self._categories[np.asarray(rows, dtype=np.int64)]
        return codes

    def brands(self, rows: Array) -> Array:
        """Return the brand code of each row; below 0: unknown."""
        listed: Array = self._listed[rows]
        if not len(self.columns):
            return listed
        return np.where(
            listed == NOT_IN_CATALOGUE, NOT_IN_CATALOGUE, self.columns.table["brand"][listed]
        )

    def price(self, row: int) -> float:
        """Return what an item costs; NaN: unknown."""
        listed = self._listed.item(row)
        return (
            math.nan
            if listed == NOT_IN_CATALOGUE
            else float(self.columns.table["price"].item(listed))
        )

    def item_filter(self, filters: Filters) -> ItemFilter:
        """Return what lets those items pass that may be offered and are what is asked for."""
        if filters.is_empty:
            return self._offered
        return self._item_filter(filters)

    def _item_filter(self, filters: Filters) -> ItemFilter:
        # The table last: it has every catalogue row that any item row is joined to.
        columns, unavailable = self.columns, self.unavailable
        categories, listed = self._categories, self._listed
        table = columns.table
        lowest, highest = filters.min_price, filters.max_price
        return (
            unavailable,
            categories,
            listed,
            table["brand"],
            table["price"],
            _codes(columns.category_codes(filters.categories)),
            _codes(columns.brand_codes(filters.brands)),
            0.0 if lowest is None else lowest,
            0.0 if highest is None else highest,
            (HAS_CATEGORIES if filters.categories else 0)
            | (HAS_BRANDS if filters.brands else 0)
            | (0 if lowest is None else HAS_MIN_PRICE)
            | (0 if highest is None else HAS_MAX_PRICE),
        )

    def popular(self, filters: Filters) -> Candidates:
        """Return the model's popular items, at once only those of the category, if one is named."""
        if len(filters.categories) != 1 or not len(self.columns):
            return self.model.popular()
        codes = self.columns.category_codes(filters.categories)
        return self._popular_in(codes[0]) if codes else self.model.popular().at([])

    def unranked(self) -> Candidates:
        """Return what the catalogue knows and the popular list does not.

        So few have bought it that the model tells nobody of it, or it is newer than the model.
        """
        item_rows, unranked = self._item_rows, self._unranked
        if unranked is None or unranked[0] is not item_rows:
            unranked = self._unranked = (item_rows, self._without_rank(item_rows))
        return unranked[1]

    def _without_rank(self, item_rows: Array) -> Candidates:
        """Return them in the order in which they were listed."""
        is_ranked = np.zeros(int(item_rows.max(initial=-1)) + 1 + self.size, dtype=bool)
        is_ranked[self.model.popular().items] = True
        rows = item_rows[~is_ranked[item_rows]].astype(np.int32)
        reasons = np.full(len(rows), ReasonCode.POPULAR, dtype=np.uint8)
        return Candidates(rows, np.zeros(len(rows), dtype=np.float32), reasons)

    def set_live_ranking(self, ranking: LiveRanking) -> None:
        """Take over what is wanted now: the latest snapshot, whoever brings it."""
        self._ranking = ranking

    def trending(self) -> Candidates:
        """Return what is wanted now, of all that anybody knows."""
        ranking, item_rows, wanted = self._ranking, self._item_rows, self._trending
        if wanted is None or wanted[0] is not ranking or wanted[1] is not item_rows:
            wanted = self._trending = (ranking, item_rows, self._joined(ranking))
        return wanted[2]

    def trending_outside_model(self) -> Candidates:
        """Return what is wanted now, of what only the catalogue knows."""
        wanted = self.trending()
        new = wanted.at(np.flatnonzero(wanted.items >= self.size))
        reasons = np.full(len(new), ReasonCode.POPULAR, dtype=np.uint8)
        return Candidates(new.items, new.scores, reasons)

    def _joined(self, ranking: LiveRanking) -> Candidates:
        found = self.rows(ranking.items)
        pairs = zip(found, ranking.scores, strict=True)
        known = [(row, score) for row, score in pairs if row is not None]
        return Candidates(
            np.array([row for row, _ in known], dtype=np.int32),
            np.array([score for _, score in known], dtype=np.float32),
            np.full(len(known), ReasonCode.TRENDING, dtype=np.uint8),
        )

    def _only_listed(self, item_id: str) -> int | None:
        """Return the row of an item that the model does not know."""
        listed = self.columns.row(item_id)
        if listed is None or listed >= len(self._item_rows):  # it is being joined just now
            return None
        return self._item_rows.item(listed)

    def _popular_in(self, category: int) -> Candidates:
        """Return the popular items of a category; found once, until the catalogue changes."""
        cached = self._by_category
        if category not in cached:
            popular = self.model.popular()
            codes = self.categories(popular.items)
            cached[category] = popular.at(np.flatnonzero(codes == category))
        return cached[category]

    def _join(self, now_us: int) -> None:
        """Give an item row to each catalogue row that has none yet.

        Requests are answered meanwhile: what must not be offered is marked before it is listed.
        """
        first = len(self._item_rows)
        new = self.columns.ids[first:]
        if not new:
            return
        found = self.model.items.rows(new)
        strange = found < 0
        found[strange] = len(self._listed) + np.arange(np.count_nonzero(strange))
        listed = np.append(
            self._listed, np.full(np.count_nonzero(strange), NOT_IN_CATALOGUE, dtype=np.int32)
        )
        rows = np.arange(first, first + len(new))
        listed[found] = rows
        unavailable = self._is_unavailable(rows, now_us)
        sensitive = self.columns.table["is_sensitive"][rows]
        self.unavailable = _grown(self.unavailable, len(listed), found[unavailable])
        self.sensitive = _grown(self.sensitive, len(listed), found[sensitive])
        self._categories = np.append(
            self._categories, np.full(len(listed) - len(self._categories), NO_LABEL, np.int32)
        )
        self._categories[found] = self.columns.table["category"][rows]
        self._listed = listed
        self._offered = self._item_filter(NO_FILTERS)
        self._item_rows = np.append(self._item_rows, found)

    def _judge(self, rows: Array, now_us: int) -> int:
        """Judge these catalogue rows; return when the time of the next of them begins or ends."""
        table = self.columns.table
        self.unavailable[self._item_rows[rows]] = self._is_unavailable(rows, now_us)
        self._categories[self._item_rows[rows]] = table["category"][rows]
        self.sensitive[self._item_rows[rows]] = table["is_sensitive"][rows]
        moments = (table["from_us"][rows], table["until_us"][rows])
        return int(min(each[each > now_us].min(initial=NEVER) for each in moments))

    def _is_unavailable(self, rows: Array, now_us: int) -> Array:
        table = self.columns.table
        begins, ends = table["from_us"][rows], table["until_us"][rows]
        unavailable: Array = table["is_unavailable"][rows] | (begins > now_us) | (ends <= now_us)
        return unavailable


def _codes(codes: Sequence[int]) -> Array:
    return np.array(codes, np.int32) if codes else _NO_CODES


def _grown(flags: Array, size: int, marked: Array) -> Array:
    """Return the flags of more rows, with some of them marked."""
    grown = np.append(flags, np.zeros(size - len(flags), dtype=bool))
    grown[marked] = True
    return grown


_NO_CODES = np.zeros(0, np.int32)
