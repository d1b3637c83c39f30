"""The artifact's format: every array's name, type and shape. The only place that knows them.

A version is a folder of one manifest and one plain `.npy` file per array below. Rows of items
are positions in the bytewise sorted `item_ids`; rows of customers, in the sorted
`customer_keys`; rows of categories, in the sorted `category_names`. A ragged list has one
offset more than rows: the entries of row r stand from `offsets[r]` up to `offsets[r + 1]`,
best first. Any change to this table takes a new number, but for an array more that a version may
as well be without.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsvc.domain.catalogue.slates import CustomerSlate, ItemSlate
from recsvc.domain.values.customer_keys import CUSTOMER_KEY_BYTES
from recsvc.domain.values.ids import MAX_ID_BYTES

FORMAT = 1
MANIFEST_FILE = "manifest.json"
MAX_CATEGORY_BYTES = 512
NO_ITEM = -1  # in `reason_items`, inside the files only: this reason names no item

Array = NDArray[Any]
Arrays = Mapping[str, Array]


class ArrayKind(StrEnum):
    """What an array holds."""

    IDS = "ids"  # UTF-8, padded with NUL to the longest
    NAMES = "names"  # as above
    KEYS = "keys"
    OFFSETS = "offsets"
    ITEM_ROWS = "item_rows"
    SCORES = "scores"
    REASONS = "reasons"
    REASON_ITEMS = "reason_items"
    DAYS = "days"  # above zero; NaN: never
    COUNTS = "counts"  # not below zero
    AMOUNTS = "amounts"  # not below zero; NaN: unknown
    MOMENTS = "moments"  # days since 1970; NaN: unknown


FIXED_DTYPES = {
    ArrayKind.KEYS: f"|S{CUSTOMER_KEY_BYTES}",
    ArrayKind.OFFSETS: "<i8",
    ArrayKind.ITEM_ROWS: "<i4",
    ArrayKind.SCORES: "<f4",
    ArrayKind.REASONS: "|u1",
    ArrayKind.REASON_ITEMS: "<i4",
    ArrayKind.DAYS: "<f4",
    ArrayKind.COUNTS: "<i4",
    ArrayKind.AMOUNTS: "<f4",
    ArrayKind.MOMENTS: "<f4",
}
MAX_TEXT_BYTES = {ArrayKind.IDS: MAX_ID_BYTES, ArrayKind.NAMES: MAX_CATEGORY_BYTES}


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """One array: it has `dimension` + `extra` elements and one axis."""

    name: str
    kind: ArrayKind
    dimension: str
    extra: int = 0

    def admits(self, dtype: str) -> bool:
        """Whether `dtype`, as a `.npy` header writes it, is right for this array."""
        if self.kind in FIXED_DTYPES:
            return dtype == FIXED_DTYPES[self.kind]
        widths = range(1, MAX_TEXT_BYTES[self.kind] + 1)
        return any(dtype == f"|S{width}" for width in widths)


@dataclass(frozen=True, slots=True)
class RankedListsSpec:
    """One ranked list per row."""

    name: str
    rows: str
    reasoned: bool = False

    @property
    def entries(self) -> str:
        return f"{self.name}_entries"

    def is_in(self, arrays: Container[str]) -> bool:
        return f"{self.name}_offsets" in arrays

    def arrays(self) -> list[ArraySpec]:
        plain = [
            ArraySpec(f"{self.name}_offsets", ArrayKind.OFFSETS, self.rows, extra=1),
            ArraySpec(f"{self.name}_items", ArrayKind.ITEM_ROWS, self.entries),
            ArraySpec(f"{self.name}_scores", ArrayKind.SCORES, self.entries),
        ]
        reasons = [
            ArraySpec(f"{self.name}_reasons", ArrayKind.REASONS, self.entries),
            ArraySpec(f"{self.name}_reason_items", ArrayKind.REASON_ITEMS, self.entries),
        ]
        return plain + reasons if self.reasoned else plain


@dataclass(frozen=True, slots=True)
class TopListSpec:
    """One ranked list."""

    name: str
    dimension: str

    def arrays(self) -> list[ArraySpec]:
        return [
            ArraySpec(f"{self.name}_items", ArrayKind.ITEM_ROWS, self.dimension),
            ArraySpec(f"{self.name}_scores", ArrayKind.SCORES, self.dimension),
        ]


ITEM_IDS = ArraySpec("item_ids", ArrayKind.IDS, "items")
CUSTOMER_KEYS = ArraySpec("customer_keys", ArrayKind.KEYS, "customers")
CATEGORY_NAMES = ArraySpec("category_names", ArrayKind.NAMES, "categories")
SLATES = {slate: RankedListsSpec(slate, "customers", reasoned=True) for slate in CustomerSlate}
NEIGHBOURS = {slate: RankedListsSpec(slate, "items") for slate in ItemSlate}
CATEGORY_POPULAR = RankedListsSpec("category_popular", "categories")
POPULAR = TopListSpec("popular", "popular")  # of items that enough customers have bought
TRENDING = TopListSpec("trending", "trending")

RANKED_LISTS = (*SLATES.values(), *NEIGHBOURS.values(), CATEGORY_POPULAR)
TOP_LISTS = (POPULAR, TRENDING)
REQUIRED_ARRAYS: Mapping[str, ArraySpec] = {
    spec.name: spec
    for spec in (
        ITEM_IDS,
        CUSTOMER_KEYS,
        CATEGORY_NAMES,
        *(spec for ragged in RANKED_LISTS for spec in ragged.arrays()),
        *(spec for top in TOP_LISTS for spec in top.arrays()),
    )
}

# Days between two purchases of an item by one customer; NaN: nobody bought it again.
ITEM_INTERVALS = ArraySpec("item_interval_days", ArrayKind.DAYS, "items")

# What customers did up to the end of what was learned from; offers are decided by it.
BOUGHT = RankedListsSpec(
    "bought", "customers"
)  # every item; what was spent on it, half after 90 days
CUSTOMER_ORDERS = ArraySpec("customer_orders", ArrayKind.COUNTS, "customers")
CUSTOMER_SPENT = ArraySpec("customer_spent", ArrayKind.AMOUNTS, "customers")
FIRST_ORDER = ArraySpec("customer_first_order", ArrayKind.MOMENTS, "customers")
LAST_ORDER = ArraySpec("customer_last_order", ArrayKind.MOMENTS, "customers")
PURCHASES = (*BOUGHT.arrays(), CUSTOMER_ORDERS, CUSTOMER_SPENT, FIRST_ORDER, LAST_ORDER)

OPTIONAL_ARRAYS: Mapping[str, ArraySpec] = {
    spec.name: spec for spec in (ITEM_INTERVALS, *PURCHASES)
}
ALL_ARRAYS: Mapping[str, ArraySpec] = {**REQUIRED_ARRAYS, **OPTIONAL_ARRAYS}


def dtype_of(spec: ArraySpec, width: int = 1) -> np.dtype[Any]:
    """Return the numpy type of an array; `width` is that of the longest text, in bytes."""
    return np.dtype(FIXED_DTYPES.get(spec.kind, f"|S{width}"))


def file_of(array: str) -> str:
    return f"{array}.npy"
