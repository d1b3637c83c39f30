"""The live catalogue as one worker knows it, kept current by the epoch that each trip brings.

A request that is behind catches up before it answers; the others of its shop wait for it. Where
that fails or takes too long, the answer is that of an outage: from what was known last, and not
personal.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.ids import ShopName
from recsvc.model.assortment import Assortment
from recsvc.model.catalogue_columns import CatalogueColumns
from recsvc.model.loaded import LoadedModel
from recsvc.stores.catalogue import CatalogueChanges, CatalogueStore, decode_item


@dataclass(frozen=True, slots=True)
class Now:
    """What can be offered, of which model. `is_current`: no acknowledged change is missing."""

    assortment: Assortment
    is_current: bool


@dataclass(slots=True)
class _Shop:
    lock: threading.Lock = field(default_factory=threading.Lock)
    epoch: int | None = None
    columns: CatalogueColumns = field(default_factory=CatalogueColumns)
    assortment: Assortment | None = None


class LiveCatalogues:
    """One catalogue per shop that was asked for. `now_us`: microseconds since 1970."""

    def __init__(
        self, store: CatalogueStore, now_us: Callable[[], int], wait_seconds: float
    ) -> None:
        self._store = store
        self._now_us = now_us
        self._wait_seconds = wait_seconds
        self._shops: dict[ShopName, _Shop] = {}

    def preload(self, shops: Iterable[ShopName]) -> None:
        """Read the catalogues before the first requests have to wait for it."""
        for shop in shops:
            held = self._shops.setdefault(shop, _Shop())
            with held.lock:
                self._catch_up(shop, held)

    def at(self, shop: ShopName, epoch: int | None, model: LoadedModel) -> Now:
        """Return what can be offered at `epoch` or later. None: the store did not answer."""
        held = self._shops.get(shop) or self._shops.setdefault(shop, _Shop())
        assortment, now_us = held.assortment, self._now_us()
        if (
            held.epoch == epoch
            and assortment is not None
            and now_us < assortment.next_change_us
            # While one request joins the catalogue to a new model, the old one goes on answering.
            and (assortment.model is model or held.lock.locked())
        ):
            return Now(assortment, True)
        if not held.lock.acquire(timeout=self._wait_seconds):
            return Now(assortment or Assortment(model, CatalogueColumns(), now_us), False)
        try:
            return self._brought_up(shop, held, epoch, model, now_us)
        finally:
            held.lock.release()

    def _brought_up(
        self, shop: ShopName, held: _Shop, epoch: int | None, model: LoadedModel, now_us: int
    ) -> Now:
        is_current = epoch is not None
        if epoch is not None and held.epoch != epoch:
            try:
                self._catch_up(shop, held)
            except StoreUnavailable:
                is_current = False
        assortment = held.assortment
        if assortment is None or assortment.model is not model:
            assortment = held.assortment = Assortment(model, held.columns, now_us)
        elif now_us >= assortment.next_change_us:
            assortment.refresh(now_us)
        return Now(assortment, is_current)

    def _catch_up(self, shop: ShopName, held: _Shop) -> None:
        """Take over what has changed; the epoch last, so that nobody takes half for all of it."""
        changes = self._store.changes_since(shop, held.epoch)
        if changes.is_whole:
            held.assortment = None
            held.columns = CatalogueColumns()
        rows = _put(shop, held.columns, changes)
        if held.assortment is not None and rows:
            held.assortment.update(rows, self._now_us())
        held.epoch = changes.epoch


def _put(shop: ShopName, columns: CatalogueColumns, changes: CatalogueChanges) -> list[int]:
    return [
        columns.put(item_id, decode_item(shop, record), record)
        for item_id, record in changes.records.items()
    ]
