"""The live catalogue of one shop in a worker's memory, as columns for the filters.

Rows are catalogue rows, in the order in which items first appeared; a deleted item keeps its row.
One thread writes at a time; concurrent readers see an item before or after the change.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.model.artifact.format import Array
from recsvc.model.ranking.category_sets import NO_CATEGORY, CategorySets

NO_LABEL = -1  # code of a brand or currency that an item does not have
UNKNOWN_LABEL = -2  # code of a currency that no item has

_ALWAYS = np.iinfo(np.int64)
_COLUMNS = {
    "price": "f8",  # NaN: unknown. f4 would round 19.99 above a limit of 19.99
    "currency": "i4",
    "category_set": "i4",  # see CategorySets
    "brand": "i4",
    "group": "i4",  # the product of which the item is a variant
    "is_unavailable": "?",  # hidden, out of stock or deleted
    "is_sensitive": "?",
    "from_us": "i8",
    "until_us": "i8",
}
_FIRST_CAPACITY = 256

_Values = tuple[float, int, int, int, int, bool, bool, int, int]  # in the order of _COLUMNS


class CatalogueColumns:
    """The filtered properties of each item, and its record."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.records: list[bytes] = []
        self._rows: dict[str, int] = {}
        self.categories = CategorySets()
        self.priced_currencies: tuple[str, ...] = ()  # of the items with a price, sorted
        self._brands: dict[str, int] = {}
        self._groups: dict[str, int] = {}
        self._currencies: dict[str, int] = {}
        self._priced: Counter[int] = Counter()  # items with a price, by code of the currency
        self.label_changes = 0  # counts changes of an item's categories or brand
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

    def brand_code(self, name: str) -> int | None:
        """Return the code of a brand; None if it is the brand of no item."""
        return self._brands.get(name)

    def brand_codes(self, names: Sequence[str]) -> list[int]:
        return [self._brands[name] for name in names if name in self._brands]

    @property
    def has_groups(self) -> bool:
        """Whether an item was ever a variant of a product."""
        return bool(self._groups)

    def currency_code(self, name: str) -> int:
        return self._currencies.get(name, UNKNOWN_LABEL)

    def _write(self, row: int, item: CatalogueItem | None) -> None:
        before, values = self._row_values(row), self._values(item)
        if before[2:4] != values[2:4]:
            self.label_changes += 1
        if before[:2] != values[:2]:
            self._count_price(before, -1)
            self._count_price(values, 1)
        for column, value in zip(self.table.values(), values, strict=True):
            column[row] = value

    def _row_values(self, row: int) -> _Values:
        if row == len(self.ids):  # a new row: the arrays hold anything there
            return self._values(None)
        return tuple(column.item(row) for column in self.table.values())

    def _count_price(self, values: _Values, items: int) -> None:
        """Count an item in or out, and publish the currencies of prices if they changed."""
        price, currency = values[:2]
        if math.isnan(price):
            return
        self._priced[currency] += items
        if self._priced[currency] in (0, 1):
            names = (name for name, code in self._currencies.items() if self._priced[code] > 0)
            self.priced_currencies = tuple(sorted(names))

    def _values(self, item: CatalogueItem | None) -> _Values:
        if item is None:
            return (
                math.nan,
                NO_LABEL,
                NO_CATEGORY,
                NO_LABEL,
                NO_LABEL,
                True,
                False,
                _ALWAYS.min,
                _ALWAYS.max,
            )
        begins, ends = item.available_from_us, item.available_until_us
        return (
            math.nan if item.price is None else item.price,
            _code(self._currencies, item.currency),
            self.categories.put(item.category, item.categories),
            _code(self._brands, item.brand),
            _code(self._groups, item.item_group_id),
            item.hidden or not item.in_stock,
            item.sensitive,
            _ALWAYS.min if begins is None else begins,
            _ALWAYS.max if ends is None else ends,
        )


def _code(codes: dict[str, int], name: str | None) -> int:
    return NO_LABEL if name is None else codes.setdefault(name, len(codes))


def grown(flags: Array, size: int, marked: Array) -> Array:
    """Return the flags extended to `size` rows, with the `marked` rows set."""
    grown = np.append(flags, np.zeros(size - len(flags), dtype=bool))
    grown[marked] = True
    return grown
