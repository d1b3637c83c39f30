"""The live catalogue as one worker knows it, joined to the model that is served.

Kept current by the epoch that each trip brings: a request that is behind reads what has changed
before it answers, and the others of its shop wait for it. What takes longer, the join to a new
model and the reading of a whole catalogue, is done in threads of its own, beside what is served;
then one reference is replaced. A request that would have to wait too long is answered as in an
outage: from what was known last, and not personal.
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
    """What can be offered, of which model. `is_current`: no acknowledged change is missing."""

    live_items: LiveItems
    is_current: bool


@dataclass(frozen=True, slots=True)
class _ServedItems:
    """What requests take, and the epoch whose changes are all in it. None: it was never read."""

    epoch: int | None
    live_items: LiveItems


@dataclass(slots=True)
class _ShopCatalogue:
    """`building` is held for long, by whoever makes something new; `lock` for moments.

    The columns are written to under `lock`, and replaced under both.
    """

    building: threading.Lock = field(default_factory=threading.Lock)
    lock: threading.Lock = field(default_factory=threading.Lock)
    epoch: int | None = None
    columns: CatalogueColumns = field(default_factory=CatalogueColumns)
    served: _ServedItems | None = None
    reading: "Future[None] | None" = None


class CatalogueCache:
    """One catalogue per shop that was asked for. `now_us`: microseconds since 1970."""

    def __init__(
        self, store: CatalogueStore, now_us: Callable[[], int], wait_seconds: float
    ) -> None:
        self._store = store
        self._now_us = now_us
        self._wait_seconds = wait_seconds
        self._shops: dict[ShopName, _ShopCatalogue] = {}
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="catalogue-reader")

    def preload(self, shops: Iterable[ShopName]) -> None:
        """Read the catalogues before the first requests have to wait for them."""
        for shop in shops:
            self._read_whole(shop, self._held(shop))

    def take(self, shop: ShopName, model: LoadedModel) -> None:
        """Serve this model from now on. Nobody waits while the catalogue is joined to it."""
        self._take(shop, self._held(shop), model)

    def at(self, shop: ShopName, epoch: int | None, model: LoadedModel) -> CatalogueSnapshot:
        """Return what can be offered at `epoch` or later. None: the store did not answer.

        `model` is taken where none is served yet.
        """
        held = self._held(shop)
        if held.served is None:
            self._take(shop, held, model, only_first=True)
        served = _served(held)
        if served.epoch == epoch and self._now_us() < served.live_items.next_change_us:
            return CatalogueSnapshot(served.live_items, True)
        is_current = self._is_brought_up(shop, held, epoch)
        return CatalogueSnapshot(_served(held).live_items, is_current)

    def _take(
        self, shop: ShopName, held: _ShopCatalogue, model: LoadedModel, *, only_first: bool = False
    ) -> None:
        if held.epoch is None:
            with suppress(StoreUnavailable):
                self._read_whole(shop, held)
        with held.building:
            if only_first and held.served is not None:
                return
            made = LiveItems(model, held.columns, self._now_us())
            with held.lock:
                made.refresh(self._now_us())  # with what was written meanwhile
                held.served = _ServedItems(held.epoch, made)

    def _held(self, shop: ShopName) -> _ShopCatalogue:
        return self._shops.get(shop) or self._shops.setdefault(shop, _ShopCatalogue())

    def _is_brought_up(self, shop: ShopName, held: _ShopCatalogue, epoch: int | None) -> bool:
        """Bring what is served to `epoch` and to the present; say whether it is there in time."""
        until = time.monotonic() + self._wait_seconds
        try:
            reading = self._follow(shop, held, epoch, until)
            if reading is not None:
                reading.result(_left(until))
                reading = self._follow(shop, held, epoch, until)
        except (StoreUnavailable, TimeoutError):
            return False
        return epoch is not None and reading is None

    def _follow(
        self, shop: ShopName, held: _ShopCatalogue, epoch: int | None, until: float
    ) -> "Future[None] | None":
        """Take over what has changed; return what is to be waited for if that cannot be told."""
        if not held.lock.acquire(timeout=_left(until)):
            raise TimeoutError
        try:
            if epoch is not None and held.epoch != epoch:
                changes = self._store.changes_since(shop, held.epoch)
                if changes is None:
                    return self._being_read(shop, held)
                self._apply(shop, held, changes)
            live_items, now_us = _served(held).live_items, self._now_us()
            if now_us >= live_items.next_change_us:
                live_items.refresh(now_us)
        finally:
            held.lock.release()
        return None

    def _apply(self, shop: ShopName, held: _ShopCatalogue, changes: CatalogueChanges) -> None:
        """Write down what has changed; the epoch last, so that nobody takes half for all of it."""
        live_items = _served(held).live_items
        rows = _put(shop, held.columns, changes)
        if rows:
            live_items.update(rows, self._now_us())
        held.epoch = changes.epoch
        held.served = _ServedItems(changes.epoch, live_items)

    def _being_read(self, shop: ShopName, held: _ShopCatalogue) -> "Future[None]":
        """Return the reading that takes longer, which one request begins for all."""
        if held.reading is None or held.reading.done():
            held.reading = self._reader.submit(self._read_much, shop, held)
        return held.reading

    def _read_much(self, shop: ShopName, held: _ShopCatalogue) -> None:
        """Read all that the log still tells, or else the whole catalogue."""
        with held.lock:
            changes = self._store.changes_since(shop, held.epoch, ALL_ENTRIES)
            if changes is not None:
                self._apply(shop, held, changes)
        if changes is None:
            self._read_whole(shop, held)

    def _read_whole(self, shop: ShopName, held: _ShopCatalogue) -> None:
        """Read every item, and what has changed since, beside what is served; then replace that."""
        with held.building:
            changes = self._store.whole(shop)
            columns = CatalogueColumns()
            _put(shop, columns, changes)
            later = self._store.changes_since(shop, changes.epoch, ALL_ENTRIES)
            if later is not None:
                _put(shop, columns, later)
            epoch = changes.epoch if later is None else later.epoch
            made = None
            if held.served is not None:
                made = LiveItems(held.served.live_items.model, columns, self._now_us())
            with held.lock:
                held.columns, held.epoch = columns, epoch
                if made is not None:
                    held.served = _ServedItems(epoch, made)


def _served(held: _ShopCatalogue) -> _ServedItems:
    if held.served is None:
        raise TypeError("a model is taken before anything is asked for")
    return held.served


def _left(until: float) -> float:
    return max(until - time.monotonic(), 0)


def _put(shop: ShopName, columns: CatalogueColumns, changes: CatalogueChanges) -> list[int]:
    return [
        columns.put(item_id, decode_item(shop, record), record)
        for item_id, record in changes.records.items()
    ]
