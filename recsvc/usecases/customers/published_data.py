"""What the published models hold of a customer, version by version, for an export.

These structs go out as JSON as they are.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import UNSET, UnsetType

from recsvc.domain.catalogue.slates import CustomerSlate
from recsvc.domain.consent.consent import DAY_US
from recsvc.domain.errors import ModelRejected
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.domain.values.timestamps import rfc3339
from recsvc.model.artifact.versions import Versions
from recsvc.model.registry.customer_rows import StoredEntry, StoredVersion, open_stored
from recsvc.usecases.recommend.answers import Reason, RecommendedItem

# A large version is checked by samples: what they miss is met by whoever reads a row.
_CANNOT_BE_READ = (ModelRejected, OSError, LookupError, ValueError, OverflowError)


class BoughtItem(msgspec.Struct, frozen=True):
    """What was spent on an item, half as much for every 90 days before the training.

    Where no price was known each purchase counts one.
    """

    item_id: str
    weight: float


class HeldModel(msgspec.Struct, frozen=True):
    """What one version holds of the customer; a version that holds nothing is not named.

    Of somebody who was erased after it was learned only `holds_until_deleted` is told: the version
    knows them no more, and its files hold their rows. Of an `unreadable` one nobody can tell.
    null: the version does not know.
    """

    version: str
    created_at: str | UnsetType = UNSET
    lists: dict[CustomerSlate, list[RecommendedItem]] | UnsetType = UNSET
    bought: list[BoughtItem] | UnsetType | None = UNSET
    orders: int | UnsetType | None = UNSET
    spent: float | UnsetType | None = UNSET
    first_order: str | UnsetType | None = UNSET
    last_order: str | UnsetType | None = UNSET
    holds_until_deleted: bool | UnsetType = UNSET
    unreadable: bool | UnsetType = UNSET


class PublishedDataReader:
    """Reads every version of a shop that is on disk, the oldest first, one at a time."""

    def __init__(self, root: Path, fingerprint: str) -> None:
        """`root`: the folder of all shops' models; `fingerprint`: that of the secret in use."""
        self._root = root
        self._fingerprint = fingerprint

    def of(
        self, shop: ShopName, customer: CustomerKey, erasure_recorded_at_us: int | None
    ) -> Iterator[HeldModel]:
        versions = Versions(self._root, shop)
        names = versions.all()
        copies = (self._copy(versions, name, customer, erasure_recorded_at_us) for name in names)
        return (copy for copy in copies if copy is not None)

    def _copy(
        self,
        versions: Versions,
        name: str,
        customer: CustomerKey,
        erasure_recorded_at_us: int | None,
    ) -> HeldModel | None:
        try:
            folder = versions.folder(name)
            held = open_stored(folder, shop=versions.shop, fingerprint=self._fingerprint)
            row = held.row(customer)
            return None if row is None else _told(held, row, erasure_recorded_at_us)
        except _CANNOT_BE_READ:
            return HeldModel(name, unreadable=True) if name in versions.all() else None


def _told(held: StoredVersion, row: int, erasure_recorded_at_us: int | None) -> HeldModel:
    manifest = held.manifest
    if erasure_recorded_at_us is not None and not manifest.is_later_than(erasure_recorded_at_us):
        return HeldModel(manifest.version, manifest.created_at, holds_until_deleted=True)
    lists = {slate: list(map(_item, entries)) for slate, entries in held.lists(row).items()}
    known = held.purchases(row)
    return HeldModel(
        manifest.version,
        manifest.created_at,
        lists,
        None if known is None else [BoughtItem(item, weight) for item, weight in known.bought],
        None if known is None else known.orders,
        None if known is None else known.spent,
        None if known is None else _moment(known.first_day),
        None if known is None else _moment(known.last_day),
    )


def _item(entry: StoredEntry) -> RecommendedItem:
    return RecommendedItem(entry.item_id, entry.score, Reason(entry.reason.label, entry.because))


def _moment(day: float | None) -> str | None:
    return None if day is None else rfc3339(round(day * DAY_US))
