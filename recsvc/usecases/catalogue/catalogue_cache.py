"""The live catalogue in a worker's memory, joined to the model in service.

Each request brings the catalogue's current epoch. If the worker is behind, the request reads the
changes before it answers, and other requests of the shop wait for it. The join to a new model and
the reading of a whole catalogue take longer: a separate thread does them, then one reference is
replaced. A request that would wait too long is answered as in an outage: from the last known
catalogue, and not personal.
"""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.values.ids import ShopName
from recsvc.model.ranking.catalogue_columns import CatalogueColumns
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.registry.loaded import LoadedModel
from recsvc.stores.catalogue.change_log import ALL_ENTRIES
from recsvc.stores.catalogue.items import CatalogueChanges, CatalogueStore, decode_item


@dataclass(frozen=True, slots=True)
class CatalogueSnapshot:
    """The live items at one time. `is_current`: no acknowledged change is missing."""

    live_items: LiveItems
    is_current: bool


@dataclass(frozen=True, slots=True)
class _ServedItems:
    """The live items in service and their epoch; None: the catalogue was never read."""

    epoch: int | None
    live_items: LiveItems


@dataclass(slots=True)
class _ShopCatalogue:
    """`building` is held during long rebuilds, `lock` for microseconds.

    Columns are written under `lock`, and replaced under both locks.
    """

    building: threading.Lock = field(default_factory=threading.Lock)
    lock: threading.Lock = field(default_factory=threading.Lock)
    epoch: int | None = None
    columns: CatalogueColumns = field(default_factory=CatalogueColumns)
    served: _ServedItems | None = None
    reading: "Future[None] | None" = None


class CatalogueCache:
    """One catalogue per requested shop. `now_us`: microseconds since 1970."""

    def __init__(
        self, store: CatalogueStore, now_us: Callable[[], int], wait_seconds: float
    ) -> None:
        self._store = store
        self._now_us = now_us
        self._wait_seconds = wait_seconds
        self._shops: dict[ShopName, _ShopCatalogue] = {}
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="catalogue-reader")

    def preload(self, shops: Iterable[ShopName]) -> None:
        """Read the catalogues before the first request."""
        for shop in shops:
            self._read_whole(shop, self._catalogue_of(shop))

    def take(self, shop: ShopName, model: LoadedModel) -> None:
        """Serve this model from now on. Requests do not wait for the join."""
        self._take(shop, self._catalogue_of(shop), model)

    def at(self, shop: ShopName, epoch: int | None, model: LoadedModel) -> CatalogueSnapshot:
        """Return the live items at `epoch` or later. None: the store did not answer.

        `model` is used if the shop has none in service yet.
        """
        catalogue = self._catalogue_of(shop)
        if catalogue.served is None:
            self._take(shop, catalogue, model, only_first=True)
        served = _served(catalogue)
        if served.epoch == epoch and self._now_us() < served.live_items.next_change_us:
            return CatalogueSnapshot(served.live_items, True)
        is_current = self._catches_up(shop, catalogue, epoch)
        return CatalogueSnapshot(_served(catalogue).live_items, is_current)

    def _take(
        self,
        shop: ShopName,
        catalogue: _ShopCatalogue,
        model: LoadedModel,
        *,
        only_first: bool = False,
    ) -> None:
        if catalogue.epoch is None:
            with suppress(StoreUnavailable):
                self._read_whole(shop, catalogue)
        with catalogue.building:
            if only_first and catalogue.served is not None:
                return
            rebuilt = LiveItems(model, catalogue.columns, self._now_us())
            with catalogue.lock:
                rebuilt.refresh(self._now_us())  # with concurrent writes
                catalogue.served = _ServedItems(catalogue.epoch, rebuilt)

    def _catalogue_of(self, shop: ShopName) -> _ShopCatalogue:
        return self._shops.get(shop) or self._shops.setdefault(shop, _ShopCatalogue())

    def _catches_up(self, shop: ShopName, catalogue: _ShopCatalogue, epoch: int | None) -> bool:
        """Catch up to `epoch` and to the current time; return False on timeout."""
        until = time.monotonic() + self._wait_seconds
        try:
            reading = self._follow(shop, catalogue, epoch, until)
            if reading is not None:
                reading.result(_left(until))
                reading = self._follow(shop, catalogue, epoch, until)
        except (StoreUnavailable, TimeoutError):
            return False
        return epoch is not None and reading is None

    def _follow(
        self, shop: ShopName, catalogue: _ShopCatalogue, epoch: int | None, until: float
    ) -> "Future[None] | None":
        """Apply the changes; return a future to wait for if they must be read in the background."""
        if not catalogue.lock.acquire(timeout=_left(until)):
            raise TimeoutError
        try:
            if epoch is not None and catalogue.epoch != epoch:
                changes = self._store.changes_since(shop, catalogue.epoch)
                if changes is None:
                    return self._background_read(shop, catalogue)
                self._apply(shop, catalogue, changes)
            live_items, now_us = _served(catalogue).live_items, self._now_us()
            if now_us >= live_items.next_change_us:
                live_items.refresh(now_us)
        finally:
            catalogue.lock.release()
        return None

    def _apply(self, shop: ShopName, catalogue: _ShopCatalogue, changes: CatalogueChanges) -> None:
        """Apply the changes; the epoch last, so that a partial state never counts as current."""
        live_items = _served(catalogue).live_items
        rows = _put(shop, catalogue.columns, changes)
        if rows:
            live_items.update(rows, self._now_us())
        catalogue.epoch = changes.epoch
        catalogue.served = _ServedItems(changes.epoch, live_items)

    def _background_read(self, shop: ShopName, catalogue: _ShopCatalogue) -> "Future[None]":
        """Return the background read; the first request starts it for all."""
        if catalogue.reading is None or catalogue.reading.done():
            catalogue.reading = self._reader.submit(self._read_changes_or_whole, shop, catalogue)
        return catalogue.reading

    def _read_changes_or_whole(self, shop: ShopName, catalogue: _ShopCatalogue) -> None:
        """Read all changes that the log still has, otherwise the whole catalogue."""
        with catalogue.lock:
            changes = self._store.changes_since(shop, catalogue.epoch, ALL_ENTRIES)
            if changes is not None:
                self._apply(shop, catalogue, changes)
        if changes is None:
            self._read_whole(shop, catalogue)

    def _read_whole(self, shop: ShopName, catalogue: _ShopCatalogue) -> None:
        """Read every item and the changes since, then replace the items in service."""
        with catalogue.building:
            changes = self._store.whole(shop)
            columns = CatalogueColumns()
            _put(shop, columns, changes)
            later = self._store.changes_since(shop, changes.epoch, ALL_ENTRIES)
            if later is not None:
                _put(shop, columns, later)
            epoch = changes.epoch if later is None else later.epoch
            rebuilt = None
            if catalogue.served is not None:
                rebuilt = LiveItems(catalogue.served.live_items.model, columns, self._now_us())
            with catalogue.lock:
                catalogue.columns, catalogue.epoch = columns, epoch
                if rebuilt is not None:
                    catalogue.served = _ServedItems(epoch, rebuilt)


def _served(catalogue: _ShopCatalogue) -> _ServedItems:
    if catalogue.served is None:
        raise TypeError("no model was taken before the first request")
    return catalogue.served


def _left(until: float) -> float:
    return max(until - time.monotonic(), 0)


def _put(shop: ShopName, columns: CatalogueColumns, changes: CatalogueChanges) -> list[int]:
    return [
        columns.put(item_id, decode_item(shop, record), record)
        for item_id, record in changes.records.items()
    ]
