"""One worker's snapshot of the offers, joined to the items.

Each request reads the epoch of the offers. If the snapshot is behind, the request waits until the
changes are applied. One thread per worker builds the next snapshot for all waiting requests and
then replaces one reference. On a timeout, the request is answered as in an outage if the offers
changed; if only the items changed, with the previous snapshot.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import structlog

from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.offers.decision_ids import DecisionIdSigner
from recsvc.domain.offers.stored_offer import StoredOffer
from recsvc.domain.values.ids import OfferId, ShopName
from recsvc.model.offers.availability import OfferAvailability
from recsvc.model.offers.columns import OfferColumns, columns_of
from recsvc.model.offers.items import ItemsSnapshot
from recsvc.model.offers.performance import OfferPerformance, performance_of
from recsvc.model.ranking.live_items import LiveItems
from recsvc.stores.offers.offers import OfferChanges, OfferStore
from recsvc.usecases.offers.counters import counters_of, next_hold_end_us

RECOUNT_US = 60_000_000  # maximum age of counters: they change without a new epoch

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, eq=False)
class OffersSnapshot:
    """The data of decisions. `epoch` None: the store was never read."""

    epoch: int | None
    offers: Mapping[OfferId, StoredOffer]
    columns: OfferColumns
    tags: Sequence[bytes]  # (offers,) tag of each in a decision id
    performance: OfferPerformance
    availability: OfferAvailability
    items: ItemsSnapshot
    next_change_us: int  # when the next hold of an exhausted offer ends
    counted_us: int


@dataclass(slots=True)
class _ShopEntry:
    snapshot: OffersSnapshot | None = None
    build: "Future[None] | None" = None


@dataclass(slots=True)
class OffersCache:
    """Snapshots by shop. `now_us`: microseconds since 1970."""

    store: OfferStore
    now_us: Callable[[], int]
    wait_seconds: float
    signer: Callable[[ShopName], DecisionIdSigner]
    _shops: dict[ShopName, _ShopEntry] = field(default_factory=dict)
    _executor: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="offers-maker")
    )

    def at(self, shop: ShopName, epoch: int | None, live_items: LiveItems) -> OffersSnapshot | None:
        """Return the offers at `epoch` or later; None on a timeout or without the store."""
        entry = self._shops.get(shop) or self._shops.setdefault(shop, _ShopEntry())
        snapshot = entry.snapshot
        if snapshot is not None and self._is_current(snapshot, epoch, live_items):
            if self.now_us() >= snapshot.counted_us + RECOUNT_US:
                self._ongoing_build(shop, entry, epoch, live_items)  # in the background
            return snapshot
        return None if epoch is None else self._catch_up(shop, entry, epoch, live_items)

    def rebuild(self, shop: ShopName, live_items: LiveItems) -> None:
        """Read the offers and join them to these items, before a request needs them."""
        entry = self._shops.get(shop) or self._shops.setdefault(shop, _ShopEntry())
        try:
            self._executor.submit(self._build, shop, entry, None, live_items).result()
        except StoreUnavailable:
            return

    def _catch_up(
        self, shop: ShopName, entry: _ShopEntry, epoch: int, live_items: LiveItems
    ) -> OffersSnapshot | None:
        until = time.monotonic() + self.wait_seconds
        is_own = False
        while not is_own:  # a build of another request may have read too early
            is_own = entry.build is None or entry.build.done()
            build = self._ongoing_build(shop, entry, epoch, live_items)
            try:
                build.result(max(until - time.monotonic(), 0))
            except (StoreUnavailable, TimeoutError):
                snapshot = entry.snapshot
                return snapshot if snapshot is not None and snapshot.epoch == epoch else None
            if entry.snapshot is not None and self._is_current(entry.snapshot, epoch, live_items):
                break
        return entry.snapshot

    def _is_current(
        self, snapshot: OffersSnapshot, epoch: int | None, live_items: LiveItems
    ) -> bool:
        return (
            snapshot.epoch == epoch
            and snapshot.items.is_of(live_items)
            and self.now_us() < snapshot.next_change_us
        )

    def _ongoing_build(
        self, shop: ShopName, entry: _ShopEntry, epoch: int | None, live_items: LiveItems
    ) -> "Future[None]":
        """Return the running build; start one if there is none."""
        if entry.build is None or entry.build.done():
            entry.build = self._executor.submit(self._build, shop, entry, epoch, live_items)
        return entry.build

    def _build(
        self, shop: ShopName, entry: _ShopEntry, epoch: int | None, live_items: LiveItems
    ) -> None:
        """Read the changes, join them to the items and count. `epoch` None: the current one."""
        before, now_us = entry.snapshot, self.now_us()
        read_epoch, offers, counted_us = self._read(shop, before, epoch, now_us)
        items = before.items if before is not None else None
        if items is None or not items.is_of(live_items):
            items = ItemsSnapshot(live_items)
        columns = None if before is None else before.columns
        if columns is None or columns.items is not items or not _same_offers(columns, offers):
            listed = [each.offer for each in offers.values()]
            columns = columns_of(listed, items, columns)
        availability = None if before is None else before.availability
        if availability is None or before is None or before.columns is not columns:
            availability = OfferAvailability(columns, items)
        entry.snapshot = OffersSnapshot(
            read_epoch,
            offers,
            columns,
            self._tags(shop, columns, before),
            performance_of(columns, counters_of(offers, now_us)),
            availability,
            items,
            next_hold_end_us(offers, now_us),
            counted_us,
        )

    def _tags(
        self, shop: ShopName, columns: OfferColumns, before: OffersSnapshot | None
    ) -> Sequence[bytes]:
        if before is not None and before.columns is columns:
            return before.tags
        tag = self.signer(shop).tag
        return [tag(offer.offer_id) for offer in columns.offers]

    def _read(
        self, shop: ShopName, before: OffersSnapshot | None, epoch: int | None, now_us: int
    ) -> tuple[int | None, Mapping[OfferId, StoredOffer], int]:
        """Return the epoch, the offers, and the time of their counters."""
        if before is None:
            whole = self.store.whole(shop)
            return whole.epoch, _with_changes({}, whole), now_us
        offers, read_epoch, counted_us = before.offers, before.epoch, before.counted_us
        if epoch is None or epoch != read_epoch:
            changes = self.store.changes_since(shop, read_epoch)
            if changes is None:
                changes, offers, counted_us = self.store.whole(shop), {}, now_us
            offers, read_epoch = _with_changes(offers, changes, before.offers), changes.epoch
        if now_us >= counted_us + RECOUNT_US or now_us >= before.next_change_us:
            offers, counted_us = self._with_current_counters(shop, offers), now_us
        return read_epoch, offers, counted_us

    def _with_current_counters(
        self, shop: ShopName, offers: Mapping[OfferId, StoredOffer]
    ) -> Mapping[OfferId, StoredOffer]:
        """Read the counters again; keep the old ones if the store does not answer."""
        try:
            states = self.store.states(shop, list(offers))
        except StoreUnavailable:
            _log.debug("offers_not_recounted", shop=shop)
            return offers
        return {
            offer_id: replace(each, state=states[offer_id])
            if offer_id in states and states[offer_id].revision == each.state.revision
            else each
            for offer_id, each in offers.items()
        }


def _with_changes(
    offers: Mapping[OfferId, StoredOffer],
    changes: OfferChanges,
    before: Mapping[OfferId, StoredOffer] | None = None,
) -> dict[OfferId, StoredOffer]:
    """Apply the changes. An offer of the same revision stays the same object."""
    merged = dict(offers)
    for offer_id, stored in changes.offers.items():
        if stored is None:
            merged.pop(offer_id, None)
            continue
        entry = (before or {}).get(offer_id)
        is_same = entry is not None and entry.state.revision == stored.state.revision
        merged[offer_id] = StoredOffer(entry.offer, stored.state) if entry and is_same else stored
    return merged


def _same_offers(columns: OfferColumns, offers: Mapping[OfferId, StoredOffer]) -> bool:
    """Return whether only counters changed."""
    if len(columns) != len(offers):
        return False
    return all(offers.get(each.offer_id, _NO_OFFER).offer is each for each in columns.offers)


class _NoOffer:
    offer = None


_NO_OFFER = _NoOffer()
