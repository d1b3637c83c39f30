"""What a version on disk holds of one customer, for the customer's own copy of it.

Nothing here ranks or serves: rows are given as they stand, whatever is permitted, since what is
not permitted is held all the same.
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

SCORE_DIGITS = 6  # behind the point, as scores are answered
FIGURES = 7  # what float32 holds


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One entry of a list. `because`: the item that its reason names."""

    item_id: str
    score: float
    reason: ReasonCode
    because: str | None


@dataclass(frozen=True, slots=True)
class StoredPurchases:
    """What the customer did; `bought`: items, each with its weight. None: unknown.

    Days are those since 1970.
    """

    bought: list[tuple[str, float]]
    orders: int
    spent: float | None
    first_day: float | None
    last_day: float | None


@dataclass(frozen=True, slots=True, eq=False)
class StoredVersion:
    """One version's files, open for as long as this is kept."""

    manifest: Manifest
    _arrays: Arrays

    def row(self, customer: CustomerKey) -> int | None:
        """Return where the customer stands; None when nothing is held."""
        keys = self._arrays[layout.CUSTOMER_KEYS.name]
        wanted = np.array(customer, dtype=keys.dtype)
        row = int(keys.searchsorted(wanted))
        return row if row < len(keys) and keys[row] == wanted else None

    def lists(self, row: int) -> Mapping[CustomerSlate, list[StoredEntry]]:
        return {
            slate: self._list(spec.name, row)
            for slate, spec in layout.SLATES.items()
            if spec.is_in(self._arrays)
        }

    def purchases(self, row: int) -> StoredPurchases | None:
        """Return what the customer did; None when the version says that of nobody."""
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
        items, because = (self._arrays[f"{name}_{of}"][part] for of in ("items", "reason_items"))
        named = because != NO_ITEM
        names = iter(self._ids(because[named]))
        return [
            StoredEntry(
                item,
                round(score, SCORE_DIGITS),
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
    """Open a version; raise as the loader does where it cannot be read or believed.

    Whoever asks for a copy reads all versions: of each only samples are checked, and the row.
    """
    return StoredVersion(*open_version(folder, shop=shop, fingerprint=fingerprint, small_bytes=0))


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number


def _plain(number: float) -> float:
    """Return the number without what its nearest double adds to it."""
    return float(f"{number:.{FIGURES}g}")
