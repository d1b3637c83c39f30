"""The data of a customer in published models, per version, for the export.

The structs are the JSON of the answer.
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

# Loading checks samples of a large version, so reading a row may still fail.
_CANNOT_BE_READ = (ModelRejected, OSError, LookupError, ValueError, OverflowError)


class BoughtItem(msgspec.Struct, frozen=True):
    """The amount spent on an item, with a half-life of 90 days before the training.

    Without a known price each purchase counts as one.
    """

    item_id: str
    weight: float


class HeldModel(msgspec.Struct, frozen=True):
    """The data of the customer in one version; versions without data are omitted.

    `holds_until_deleted`: the customer was erased after the training; the version no longer uses
    the rows, but its files hold them. `unreadable`: the content is unknown. null: not recorded.
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
    """Reads the versions of a shop on disk one at a time, oldest first."""

    def __init__(self, root: Path, fingerprint: str) -> None:
        """`root`: the models folder of all shops. `fingerprint`: of the secret in use."""
        self._root = root
        self._fingerprint = fingerprint

    def of(
        self, shop: ShopName, customer: CustomerKey, erasure_recorded_at_us: int | None
    ) -> Iterator[HeldModel]:
        versions = Versions(self._root, shop)
        names = versions.all()
        models = (self._read(versions, name, customer, erasure_recorded_at_us) for name in names)
        return (model for model in models if model is not None)

    def _read(
        self,
        versions: Versions,
        name: str,
        customer: CustomerKey,
        erasure_recorded_at_us: int | None,
    ) -> HeldModel | None:
        try:
            folder = versions.folder(name)
            stored = open_stored(folder, shop=versions.shop, fingerprint=self._fingerprint)
            row = stored.row(customer)
            return None if row is None else _held_model(stored, row, erasure_recorded_at_us)
        except _CANNOT_BE_READ:
            return HeldModel(name, unreadable=True) if name in versions.all() else None


def _held_model(stored: StoredVersion, row: int, erasure_recorded_at_us: int | None) -> HeldModel:
    manifest = stored.manifest
    if erasure_recorded_at_us is not None and not manifest.is_later_than(erasure_recorded_at_us):
        return HeldModel(manifest.version, manifest.created_at, holds_until_deleted=True)
    lists = {slate: list(map(_item, entries)) for slate, entries in stored.lists(row).items()}
    purchases = stored.purchases(row)
    return HeldModel(
        manifest.version,
        manifest.created_at,
        lists,
        None
        if purchases is None
        else [BoughtItem(item, weight) for item, weight in purchases.bought],
        None if purchases is None else purchases.orders,
        None if purchases is None else purchases.spent,
        None if purchases is None else _moment(purchases.first_day),
        None if purchases is None else _moment(purchases.last_day),
    )


def _item(entry: StoredEntry) -> RecommendedItem:
    return RecommendedItem(
        entry.item_id, entry.score, Reason(entry.reason.label, entry.reason_item)
    )


def _moment(day: float | None) -> str | None:
    return None if day is None else rfc3339(round(day * DAY_US))
