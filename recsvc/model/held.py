"""What a version on disk holds of one customer, for the customer's own copy of it.

Nothing here ranks or serves: rows are given as they stand, whatever is permitted, since what is
not permitted is held all the same.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recsvc.domain.identity import CustomerKey
from recsvc.domain.ids import ShopName
from recsvc.domain.slates import CustomerSlate, ReasonCode
from recsvc.model import format as layout
from recsvc.model.format import NO_ITEM, Array, Arrays
from recsvc.model.loader import open_version
from recsvc.model.manifest import Manifest

DIGITS = 6  # as scores are answered: float32 holds no more


@dataclass(frozen=True, slots=True)
class HeldEntry:
    """One entry of a list. `because`: the item that its reason names."""

    item_id: str
    score: float
    reason: ReasonCode
    because: str | None


@dataclass(frozen=True, slots=True)
class HeldPurchases:
    """What the customer did; `bought`: items, each with its weight. None: unknown.

    Days are those since 1970.
    """

    bought: list[tuple[str, float]]
    orders: int
    spent: float | None
    first_day: float | None
    last_day: float | None


@dataclass(frozen=True, slots=True, eq=False)
class HeldVersion:
    """One version's files, open for as long as this is kept."""

    manifest: Manifest
    _arrays: Arrays

    def row(self, customer: CustomerKey) -> int | None:
        """Return where the customer stands; None when nothing is held."""
        keys = self._arrays[layout.CUSTOMER_KEYS.name]
        wanted = np.array(customer, dtype=keys.dtype)
        row = int(keys.searchsorted(wanted))
        return row if row < len(keys) and keys[row] == wanted else None

    def lists(self, row: int) -> Mapping[CustomerSlate, list[HeldEntry]]:
        return {slate: self._list(spec.name, row) for slate, spec in layout.SLATES.items()}

    def purchases(self, row: int) -> HeldPurchases | None:
        """Return what the customer did; None when the version says that of nobody."""
        if layout.CUSTOMER_ORDERS.name not in self._arrays:
            return None
        part = self._part(layout.BOUGHT.name, row)
        weights = _plain(self._arrays[f"{layout.BOUGHT.name}_scores"][part])
        items = self._ids(self._arrays[f"{layout.BOUGHT.name}_items"][part])
        numbers = (layout.CUSTOMER_SPENT, layout.FIRST_ORDER, layout.LAST_ORDER)
        return HeldPurchases(
            list(zip(items, weights, strict=True)),
            int(self._arrays[layout.CUSTOMER_ORDERS.name].item(row)),
            *(_known(self._arrays[spec.name].item(row)) for spec in numbers),
        )

    def _list(self, name: str, row: int) -> list[HeldEntry]:
        part = self._part(name, row)
        items, because = (self._arrays[f"{name}_{of}"][part] for of in ("items", "reason_items"))
        named = because != NO_ITEM
        names = iter(self._ids(because[named]))
        return [
            HeldEntry(item, score, ReasonCode(reason), next(names) if is_named else None)
            for item, score, reason, is_named in zip(
                self._ids(items),
                _plain(self._arrays[f"{name}_scores"][part]),
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


def open_held(folder: Path, *, shop: ShopName, fingerprint: str) -> HeldVersion:
    """Open a version; raise as the loader does where it cannot be read or believed."""
    return HeldVersion(*open_version(folder, shop=shop, fingerprint=fingerprint))


def _known(number: float) -> float | None:
    return None if math.isnan(number) else round(number, DIGITS)


def _plain(numbers: Array) -> list[float]:
    return [round(number, DIGITS) for number in numbers.tolist()]
