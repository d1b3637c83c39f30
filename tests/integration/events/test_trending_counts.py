"""The trending ranking: weighted by age, rebuilt after changes only, and kept in an outage."""

from collections.abc import Mapping

import pytest

from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.stores.events.trending_counts import TrendingCountStore
from recsvc.usecases.catalogue.trending_cache import (
    DAYS,
    HALF_LIFE_DAYS,
    MAX_RANKED,
    TrendingCache,
)

DAY_US = 86_400_000_000
TODAY = 20_000


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.day = TODAY

    def __call__(self) -> int:
        return self.day * DAY_US + 5


@pytest.fixture
def clock() -> Clock:
    return Clock()


def count(connections: Connections, shop: ShopName, day: int, weights: Mapping[str, float]) -> None:
    connections.writes.zadd(redis_keys.counts_of(shop, day), dict(weights))
    connections.writes.hincrby(redis_keys.epochs(shop), redis_keys.EPOCH_OF_COUNTS, 1)


def test_younger_counts_weigh_more(connections: Connections, shop: ShopName, clock: Clock) -> None:
    """A count weighs half as much after each half-life; ties are sorted by item id."""
    count(connections, shop, TODAY, {"b": 1.0, "a": 1.0})
    count(connections, shop, TODAY - int(HALF_LIFE_DAYS), {"c": 4.0, "a": 0.5})
    count(connections, shop, TODAY - DAYS, {"too old": 100.0})
    live = TrendingCache(TrendingCountStore(connections), clock)
    live.preload([shop])

    assert live.ranking(shop).items == ("c", "a", "b")
    assert live.ranking(shop).scores == (2.0, 1.25, 1.0)


def test_a_ranking_is_rebuilt_after_changes_only(
    connections: Connections, shop: ShopName, clock: Clock
) -> None:
    """The ranking stays the same object until a count changes or a day begins."""
    count(connections, shop, TODAY, {"a": 1.0})
    live = TrendingCache(TrendingCountStore(connections), clock)
    live.preload([shop])
    first = live.ranking(shop)
    live.refresh()
    same = live.ranking(shop)
    clock.day += 3
    live.refresh()

    assert same is first
    assert live.ranking(shop).scores == (0.5,)


def test_late_events_count_at_the_next_refresh(
    connections: Connections, shop: ShopName, clock: Clock
) -> None:
    """Events of the day before change the ranking at the next refresh."""
    count(connections, shop, TODAY, {"today": 1.0})
    live = TrendingCache(TrendingCountStore(connections), clock)
    live.preload([shop])
    count(connections, shop, TODAY - 1, {"late": 9.0})
    live.refresh()

    assert set(live.ranking(shop).items) == {"today", "late"}


def test_the_ranking_is_bounded(connections: Connections, shop: ShopName, clock: Clock) -> None:
    """The size of a ranking does not grow with the catalogue."""
    count(connections, shop, TODAY, {f"item-{n}": n + 1 for n in range(MAX_RANKED + 10)})
    live = TrendingCache(TrendingCountStore(connections), clock)
    live.preload([shop])

    assert len(live.ranking(shop).items) == MAX_RANKED
    assert live.ranking(shop).items[0] == f"item-{MAX_RANKED + 9}"


def test_an_outage_keeps_the_last_ranking(
    own_server: EmbeddedValkey, own_connections: Connections, shop: ShopName, clock: Clock
) -> None:
    """A shop keeps its ranking in an outage; one that was never read has an empty ranking."""
    count(own_connections, shop, TODAY, {"a": 1.0})
    live = TrendingCache(TrendingCountStore(own_connections), clock)
    live.preload([shop])
    own_server.leave()
    other = ShopName("other")
    empty = live.ranking(other)
    live.refresh()

    assert live.ranking(shop).items == ("a",)
    assert live.ranking(other) is empty
    assert empty.items == ()
