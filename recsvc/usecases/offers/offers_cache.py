"""The offers as one worker knows them, joined to the items and ready to decide on.

Kept current by the epoch that each trip brings: a request that is behind waits until what has
changed is read. Reading and joining are done in one thread of the worker, for all requests that
wait; then one reference is replaced. Where it takes too long, the request is answered as in an
outage if offers have changed. If only items have, they count once they are joined.
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
from recsvc.model.offers.columns import OfferColumns, columns_of
from recsvc.model.offers.items import ItemsSnapshot
from recsvc.model.offers.performance import OfferPerformance, performance_of
from recsvc.model.ranking.live_items import LiveItems
from recsvc.stores.offers.offers import OfferChanges, OfferStore
from recsvc.usecases.offers.counters import counters_of, next_hold_end_us

RECOUNT_US = 60_000_000  # how old the counts of answers may be, which move without any epoch

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, eq=False)
class OffersSnapshot:
    """What can be decided on. `epoch` None: it was never read."""

    epoch: int | None
    offers: Mapping[OfferId, StoredOffer]
    columns: OfferColumns
    tags: Sequence[bytes]  # (offers,) what stands for each in the id of a decision
    performance: OfferPerformance
    items: ItemsSnapshot
    next_change_us: int  # when something that is used up comes back by itself
    counted_us: int


@dataclass(slots=True)
class _Shop:
    now: OffersSnapshot | None = None
    making: "Future[None] | None" = None


@dataclass(slots=True)
class OffersCache:
    """Offers per shop that was asked for. `now_us`: microseconds since 1970."""

    store: OfferStore
    now_us: Callable[[], int]
    wait_seconds: float
    signer: Callable[[ShopName], DecisionIdSigner]
    _shops: dict[ShopName, _Shop] = field(default_factory=dict)
    _maker: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="offers-maker")
    )

    def at(self, shop: ShopName, epoch: int | None, live_items: LiveItems) -> OffersSnapshot | None:
        """Return the offers at `epoch` or later; None when that cannot be had in time."""
        held = self._shops.get(shop) or self._shops.setdefault(shop, _Shop())
        now = held.now
        if now is not None and self._is_current(now, epoch, live_items):
            if self.now_us() >= now.counted_us + RECOUNT_US:
                self._being_made(shop, held, epoch, live_items)  # and nobody waits
            return now
        return None if epoch is None else self._caught_up(shop, held, epoch, live_items)

    def take(self, shop: ShopName, live_items: LiveItems) -> None:
        """Have the offers read and joined to these items before anybody waits for it."""
        held = self._shops.get(shop) or self._shops.setdefault(shop, _Shop())
        try:
            self._maker.submit(self._make, shop, held, None, live_items).result()
        except StoreUnavailable:
            return

    def _caught_up(
        self, shop: ShopName, held: _Shop, epoch: int, live_items: LiveItems
    ) -> OffersSnapshot | None:
        until = time.monotonic() + self.wait_seconds
        is_ours = False
        while not is_ours:  # one that others have begun may have read too early
            is_ours = held.making is None or held.making.done()
            making = self._being_made(shop, held, epoch, live_items)
            try:
                making.result(max(until - time.monotonic(), 0))
            except (StoreUnavailable, TimeoutError):
                now = held.now
                return now if now is not None and now.epoch == epoch else None
            if held.now is not None and self._is_current(held.now, epoch, live_items):
                break
        return held.now

    def _is_current(self, now: OffersSnapshot, epoch: int | None, live_items: LiveItems) -> bool:
        return (
            now.epoch == epoch
            and now.items.is_of(live_items)
            and self.now_us() < now.next_change_us
        )

    def _being_made(
        self, shop: ShopName, held: _Shop, epoch: int | None, live_items: LiveItems
    ) -> "Future[None]":
        """Return the making that one request begins for all."""
        if held.making is None or held.making.done():
            held.making = self._maker.submit(self._make, shop, held, epoch, live_items)
        return held.making

    def _make(self, shop: ShopName, held: _Shop, epoch: int | None, live_items: LiveItems) -> None:
        """Read what has changed since, join and count. `epoch` None: whatever it is now."""
        before, now_us = held.now, self.now_us()
        read_epoch, offers, counted_us = self._read(shop, before, epoch, now_us)
        items = before.items if before is not None else None
        if items is None or not items.is_of(live_items):
            items = ItemsSnapshot(live_items)
        columns = None if before is None else before.columns
        if columns is None or columns.items is not items or not _same_offers(columns, offers):
            listed = [each.offer for each in offers.values()]
            columns = columns_of(listed, items, columns)
        held.now = OffersSnapshot(
            read_epoch,
            offers,
            columns,
            self._tags(shop, columns, before),
            performance_of(columns, counters_of(offers, now_us)),
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
        """Return the epoch, the offers, and when all of them were counted."""
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
            offers, counted_us = self._recounted(shop, offers), now_us
        return read_epoch, offers, counted_us

    def _recounted(
        self, shop: ShopName, offers: Mapping[OfferId, StoredOffer]
    ) -> Mapping[OfferId, StoredOffer]:
        """Count again; what cannot be counted stays as it was."""
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
    """Take over what has changed. An offer of the same revision stays the same object."""
    merged = dict(offers)
    for offer_id, stored in changes.offers.items():
        if stored is None:
            merged.pop(offer_id, None)
            continue
        held = (before or {}).get(offer_id)
        is_same = held is not None and held.state.revision == stored.state.revision
        merged[offer_id] = StoredOffer(held.offer, stored.state) if held and is_same else stored
    return merged


def _same_offers(columns: OfferColumns, offers: Mapping[OfferId, StoredOffer]) -> bool:
    """Whether only counts have changed."""
    if len(columns) != len(offers):
        return False
    return all(offers.get(each.offer_id, _NONE).offer is each for each in columns.offers)


class _Nothing:
    offer = None


_NONE = _Nothing()
