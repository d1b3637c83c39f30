"""The artifact's format: every array's name, type and shape. The only place that knows them.

A version is a folder of one manifest and one plain `.npy` file per array below. Rows of items
are positions in the bytewise sorted `item_ids`; rows of customers, in the sorted
`customer_keys`; rows of categories, in the sorted `category_names`. The entries of row r of ranked
lists are `offsets[r]` up to `offsets[r + 1]`, best first.

`FORMAT` is "major.minor". A change that an existing reader would misread takes a new major: another
type, another meaning, one array less, one manifest member more. A new optional group of arrays, as
those of a new slate, takes a new minor. A reader accepts its own major:

- an older minor: arrays that it lacks are optional here; a slate without arrays is answered with
  popular items and the fallback `no_model`. The arrays of `popular` are required: every fallback is
  filled from them, and the votes of recent items are weighted by them.
- a newer minor: it only adds arrays, which the reader ignores, so a service can be rolled back
  without retraining. Everything that the reader uses is checked as usual; a value that it does not
  know (a new reason code) refuses the version here, without a final rejection.

Releases before 1.1 wrote the integer 1, which is read as 1.0, and required every slate.
"""

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsvc.domain.catalogue.slates import AnonymousSlate, CustomerSlate, ItemSlate
from recsvc.domain.values.customer_keys import CUSTOMER_KEY_BYTES
from recsvc.domain.values.ids import MAX_ID_BYTES

MAJOR, MINOR = 1, 2
FORMAT = f"{MAJOR}.{MINOR}"
MANIFEST_FILE = "manifest.json"
_MAX_CATEGORY_BYTES = 512
NO_ITEM = -1  # in `reason_items`, inside the files only: this reason names no item

_FORMAT = re.compile(r"\d{1,4}\.\d{1,4}", re.ASCII)

Array = NDArray[Any]
Arrays = Mapping[str, Array]


class ArrayKind(StrEnum):
    """The content of an array; it decides the type and the checks."""

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


_FIXED_DTYPES = {
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
MAX_TEXT_BYTES = {ArrayKind.IDS: MAX_ID_BYTES, ArrayKind.NAMES: _MAX_CATEGORY_BYTES}


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """One array with one axis of `dimension` + `extra` elements."""

    name: str
    kind: ArrayKind
    dimension: str
    extra: int = 0

    def admits(self, dtype: str) -> bool:
        """Return whether this array may have `dtype`, written as in a `.npy` header."""
        if self.kind in _FIXED_DTYPES:
            return dtype == _FIXED_DTYPES[self.kind]
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

    def is_in(self, arrays: Container[str]) -> bool:
        return f"{self.name}_items" in arrays

    def arrays(self) -> list[ArraySpec]:
        return [
            ArraySpec(f"{self.name}_items", ArrayKind.ITEM_ROWS, self.name),
            ArraySpec(f"{self.name}_scores", ArrayKind.SCORES, self.name),
        ]


ITEM_IDS = ArraySpec("item_ids", ArrayKind.IDS, "items")
CUSTOMER_KEYS = ArraySpec("customer_keys", ArrayKind.KEYS, "customers")
CATEGORY_NAMES = ArraySpec("category_names", ArrayKind.NAMES, "categories")
SLATES = {slate: RankedListsSpec(slate, "customers", reasoned=True) for slate in CustomerSlate}
NEIGHBOURS = {slate: RankedListsSpec(slate, "items") for slate in ItemSlate}
CATEGORY_POPULAR = RankedListsSpec("category_popular", "categories")
TOP_LISTS = {slate: TopListSpec(slate) for slate in AnonymousSlate}
POPULAR = TOP_LISTS[AnonymousSlate.POPULAR]  # of items that enough customers have bought

REQUIRED_ARRAYS: Mapping[str, ArraySpec] = {
    spec.name: spec
    for spec in (
        ITEM_IDS,
        CUSTOMER_KEYS,
        CATEGORY_NAMES,
        *CATEGORY_POPULAR.arrays(),
        *POPULAR.arrays(),
    )
}

# Median days between two purchases of an item by one customer; NaN: never bought again.
ITEM_INTERVALS = ArraySpec("item_interval_days", ArrayKind.DAYS, "items")

# Customers' purchases up to the end of the training data; offer decisions use them.
BOUGHT = RankedListsSpec("bought", "customers")  # every item; money spent, halved every 90 days
CUSTOMER_ORDERS = ArraySpec("customer_orders", ArrayKind.COUNTS, "customers")
CUSTOMER_SPENT = ArraySpec("customer_spent", ArrayKind.AMOUNTS, "customers")
FIRST_ORDER = ArraySpec("customer_first_order", ArrayKind.MOMENTS, "customers")
LAST_ORDER = ArraySpec("customer_last_order", ArrayKind.MOMENTS, "customers")

# Scores for a customer from the purchase history that the service stores (`kernels.fold_in`).
ITEM_WEIGHTS = RankedListsSpec("item_weights", "items")  # per bought item; weights of other items
OWN_WORTH = ArraySpec("item_own_worth", ArrayKind.SCORES, "items")  # log-odds of a repurchase
NEW_WORTH = ArraySpec("item_new_worth", ArrayKind.SCORES, "items")  # log-odds of a first purchase
HISTORY_WEIGHTS = ArraySpec("history_weights", ArrayKind.SCORES, "history_weights")

# The arrays of a group are all there or all missing.
OPTIONAL_GROUPS: tuple[tuple[ArraySpec, ...], ...] = (
    *(tuple(slate.arrays()) for slate in SLATES.values()),
    *(tuple(slate.arrays()) for slate in NEIGHBOURS.values()),
    *(tuple(slate.arrays()) for slate in TOP_LISTS.values() if slate is not POPULAR),
    (ITEM_INTERVALS,),
    (*BOUGHT.arrays(), CUSTOMER_ORDERS, CUSTOMER_SPENT, FIRST_ORDER, LAST_ORDER),
    (*ITEM_WEIGHTS.arrays(), OWN_WORTH, NEW_WORTH, HISTORY_WEIGHTS),
)
OPTIONAL_ARRAYS: Mapping[str, ArraySpec] = {
    spec.name: spec for group in OPTIONAL_GROUPS for spec in group
}
ALL_ARRAYS: Mapping[str, ArraySpec] = {**REQUIRED_ARRAYS, **OPTIONAL_ARRAYS}


def dtype_of(spec: ArraySpec, width: int = 1) -> np.dtype[Any]:
    """Return the numpy type of an array; `width`: bytes of its longest text."""
    return np.dtype(_FIXED_DTYPES.get(spec.kind, f"|S{width}"))


def file_of(array: str) -> str:
    return f"{array}.npy"


def parse_format(text: int | str) -> tuple[int, int]:
    """Return major and minor; raise ValueError for anything else than a format number."""
    if isinstance(text, int):
        return text, 0
    if not _FORMAT.fullmatch(text):
        raise ValueError(f"{text[:20]!r} is not a format number")
    major, minor = text.split(".")
    return int(major), int(minor)


def is_newer_minor(text: int | str) -> bool:
    """Return whether a later release of the same major has written this format."""
    major, minor = parse_format(text)
    return major == MAJOR and minor > MINOR
