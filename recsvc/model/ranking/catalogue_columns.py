"""The live catalogue of one shop in a worker's memory, as columns for the filters.

Rows are catalogue rows, in the order in which items first appeared; a deleted item keeps its row.
One thread writes at a time; concurrent readers see an item before or after the change.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.model.artifact.format import Array

NO_LABEL = -1  # code of a category or brand that an item does not have

_ALWAYS = np.iinfo(np.int64)
_COLUMNS = {
    "price": "f8",  # NaN: unknown. f4 would round 19.99 above a limit of 19.99
    "category": "i4",
    "brand": "i4",
    "is_unavailable": "?",  # hidden, out of stock or deleted
    "is_sensitive": "?",
    "from_us": "i8",
    "until_us": "i8",
}
_FIRST_CAPACITY = 256


class CatalogueColumns:
    """The filtered properties of each item, and its record."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.records: list[bytes] = []
        self._rows: dict[str, int] = {}
        self._categories: dict[str, int] = {}
        self._brands: dict[str, int] = {}
        self.label_changes = 0  # counts changes of an item's category or brand
        self.table: Mapping[str, Array] = {  # longer than the rows in use
            name: np.zeros(_FIRST_CAPACITY, dtype=dtype) for name, dtype in _COLUMNS.items()
        }

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, item_id: str) -> int | None:
        return self._rows.get(item_id)

    def put(self, item_id: str, item: CatalogueItem | None, record: bytes) -> int:
        """Write an item (None: deleted) and return its row."""
        row = self._rows.get(item_id)
        if row is None:
            row = len(self.ids)
            if row == len(self.table["price"]):
                self.table = {name: np.resize(held, 2 * row) for name, held in self.table.items()}
            self._write(row, item)
            self.records.append(record)
            self.ids.append(item_id)
            self._rows[item_id] = row
            return row
        self._write(row, item)
        self.records[row] = record
        return row

    def category_codes(self, names: Sequence[str]) -> list[int]:
        """Return the codes of the names that are a category of some item."""
        return [self._categories[name] for name in names if name in self._categories]

    def brand_codes(self, names: Sequence[str]) -> list[int]:
        return [self._brands[name] for name in names if name in self._brands]

    def _write(self, row: int, item: CatalogueItem | None) -> None:
        labels = self.table["category"].item(row), self.table["brand"].item(row)
        values = self._values(item)
        if labels != (values[1], values[2]):
            self.label_changes += 1
        for column, value in zip(self.table.values(), values, strict=True):
            column[row] = value

    def _values(self, item: CatalogueItem | None) -> tuple[float, int, int, bool, bool, int, int]:
        if item is None:
            return (np.nan, NO_LABEL, NO_LABEL, True, False, _ALWAYS.min, _ALWAYS.max)
        begins, ends = item.available_from_us, item.available_until_us
        return (
            np.nan if item.price is None else item.price,
            _code(self._categories, item.category),
            _code(self._brands, item.brand),
            item.hidden or not item.in_stock,
            item.sensitive,
            _ALWAYS.min if begins is None else begins,
            _ALWAYS.max if ends is None else ends,
        )


def _code(codes: dict[str, int], name: str | None) -> int:
    return NO_LABEL if name is None else codes.setdefault(name, len(codes))
