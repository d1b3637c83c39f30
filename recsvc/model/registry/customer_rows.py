"""The data of one customer in a version on disk, for the customer's data export.

Nothing here ranks or serves. Rows are returned whatever the customer's consent: an export must
contain all stored data.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recsvc.domain.catalogue.slates import CustomerSlate, ReasonCode
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.model.artifact import format as layout
from recsvc.model.artifact.format import NO_ITEM, Array, Arrays
from recsvc.model.artifact.manifest import Manifest
from recsvc.model.registry.loader import open_version

_SCORE_DIGITS = 6  # decimals, as in answers
_SIGNIFICANT_DIGITS = 7  # of a float32


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One entry of a list. `reason_item`: the id of the item that its reason names."""

    item_id: str
    score: float
    reason: ReasonCode
    reason_item: str | None


@dataclass(frozen=True, slots=True)
class StoredPurchases:
    """The customer's purchases; `bought`: items with their weights. None: unknown.

    Days are counted since 1970.
    """

    bought: list[tuple[str, float]]
    orders: int
    spent: float | None
    first_day: float | None
    last_day: float | None


@dataclass(frozen=True, slots=True, eq=False)
class StoredVersion:
    """One version's files, open for the lifetime of this object."""

    manifest: Manifest
    _arrays: Arrays

    def row(self, customer: CustomerKey) -> int | None:
        """Return the customer's row; None if the version has none."""
        keys = self._arrays[layout.CUSTOMER_KEYS.name]
        sought = np.array(customer, dtype=keys.dtype)
        row = int(keys.searchsorted(sought))
        return row if row < len(keys) and keys[row] == sought else None

    def lists(self, row: int) -> Mapping[CustomerSlate, list[StoredEntry]]:
        return {
            slate: self._list(spec.name, row)
            for slate, spec in layout.SLATES.items()
            if spec.is_in(self._arrays)
        }

    def purchases(self, row: int) -> StoredPurchases | None:
        """Return the customer's purchases; None if the version stores none of any customer."""
        if layout.CUSTOMER_ORDERS.name not in self._arrays:
            return None
        part = self._part(layout.BOUGHT.name, row)
        weights = self._arrays[f"{layout.BOUGHT.name}_scores"][part].tolist()
        items = self._ids(self._arrays[f"{layout.BOUGHT.name}_items"][part])
        columns = (layout.CUSTOMER_SPENT, layout.FIRST_ORDER, layout.LAST_ORDER)
        spent, first, last = (_known(self._arrays[spec.name].item(row)) for spec in columns)
        return StoredPurchases(
            list(zip(items, map(_plain, weights), strict=True)),
            int(self._arrays[layout.CUSTOMER_ORDERS.name].item(row)),
            None if spent is None else _plain(spent),
            first,
            last,
        )

    def _list(self, name: str, row: int) -> list[StoredEntry]:
        part = self._part(name, row)
        items = self._arrays[f"{name}_items"][part]
        reason_items = self._arrays[f"{name}_reason_items"][part]
        named = reason_items != NO_ITEM
        names = iter(self._ids(reason_items[named]))
        return [
            StoredEntry(
                item,
                round(score, _SCORE_DIGITS),
                ReasonCode(reason),
                next(names) if is_named else None,
            )
            for item, score, reason, is_named in zip(
                self._ids(items),
                self._arrays[f"{name}_scores"][part].tolist(),
                self._arrays[f"{name}_reasons"][part].tolist(),
                named.tolist(),
                strict=True,
            )
        ]

    def _part(self, name: str, row: int) -> slice:
        offsets = self._arrays[f"{name}_offsets"]
        return slice(offsets.item(row), offsets.item(row + 1))

    def _ids(self, rows: Array) -> list[str]:
        return [text.decode() for text in self._arrays[layout.ITEM_IDS.name][rows].tolist()]


def open_stored(folder: Path, *, shop: ShopName, fingerprint: str) -> StoredVersion:
    """Open a version; raise as the loader does if it is unreadable or rejected.

    An export reads all versions, so only samples of each are checked.
    """
    return StoredVersion(*open_version(folder, shop=shop, fingerprint=fingerprint, small_bytes=0))


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number


def _plain(number: float) -> float:
    """Round to the digits of a float32: as a double, 0.1 would print as 0.10000000149."""
    return float(f"{number:.{_SIGNIFICANT_DIGITS}g}")
