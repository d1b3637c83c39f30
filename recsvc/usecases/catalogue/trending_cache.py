"""The trending items of each shop in a worker's memory, at most seconds old.

Requests never read counts: one thread per worker refreshes the shops that were requested. A shop
whose counts cannot be read keeps its last ranking.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import structlog

from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.values.ids import ShopName
from recsvc.model.ranking.live_ranking import LiveRanking
from recsvc.stores.events.trending_counts import DayCounts, TrendingCountStore

REFRESH_SECONDS = 2.0
DAYS = 14
HALF_LIFE_DAYS = 3.0
MAX_RANKED = 1000

_DAY_US = 86_400_000_000

_log = structlog.get_logger()


@dataclass(slots=True)
class _ShopTrends:
    ranking: LiveRanking = field(default_factory=LiveRanking)
    epoch: int | None = None
    today: int | None = None


class TrendingCache:
    """`now_us`: microseconds since 1970."""

    def __init__(self, store: TrendingCountStore, now_us: Callable[[], int]) -> None:
        self._store = store
        self._now_us = now_us
        self._shops: dict[ShopName, _ShopTrends] = {}
        self._watcher: threading.Thread | None = None

    def ranking(self, shop: ShopName) -> LiveRanking:
        """Return the last snapshot; an empty one at the first request of a shop."""
        trends = self._shops.get(shop) or self._shops.setdefault(shop, _ShopTrends())
        return trends.ranking

    def preload(self, shops: Iterable[ShopName]) -> None:
        """Compute these shops' snapshots before the first request."""
        for shop in shops:
            self.ranking(shop)
        self.refresh()

    def refresh(self) -> None:
        """Take a new snapshot of each shop whose counts have changed. Not thread-safe."""
        for shop, trends in list(self._shops.items()):
            try:
                self._refresh(shop, trends)
            except StoreUnavailable:
                _log.debug("live_counts_not_refreshed", shop=shop)

    def watch(self, interval_seconds: float = REFRESH_SECONDS) -> None:
        """Refresh regularly in a daemon thread. Call it in each worker process."""
        if self._watcher is None:
            self._watcher = threading.Thread(
                target=self._watch, args=(interval_seconds,), name="live-counts", daemon=True
            )
            self._watcher.start()

    def _watch(self, interval_seconds: float) -> None:
        pause = threading.Event()
        while not pause.wait(interval_seconds):
            self.refresh()

    def _refresh(self, shop: ShopName, trends: _ShopTrends) -> None:
        today = self._now_us() // _DAY_US
        epoch = self._store.epoch(shop)
        if (trends.epoch, trends.today) == (epoch, today):
            return
        # All days again: a nightly report adds purchases to the day before.
        days = range(today - DAYS + 1, today + 1)
        trends.ranking = ranked(self._store.of_days(shop, days, MAX_RANKED), today)
        trends.epoch, trends.today = epoch, today


def ranked(days: Mapping[int, DayCounts], today: int) -> LiveRanking:
    """Sum the days, decayed by age; ties are ordered by item id, so that all workers agree."""
    total: Counter[bytes] = Counter()
    for day, counts in days.items():
        decay = 0.5 ** ((today - day) / HALF_LIFE_DAYS)
        for item, weight in counts.items():
            total[item] += weight * decay
    best = sorted(total.items(), key=lambda entry: (-entry[1], entry[0]))[:MAX_RANKED]
    items = tuple(item.decode(errors="replace") for item, _ in best)
    return LiveRanking(items, tuple(score for _, score in best))
