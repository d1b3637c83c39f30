"""Token buckets, at times that the test chooses."""

import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsvc.domain.errors import RateLimited
from recsvc.usecases.access.rate_limits import BUCKETS_KEPT, Buckets, Limits, Pace, RateLimits

KEY, ADDRESS = "pk_default_x", "192.0.2.1"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def limits(clock: Clock, workers: int = 1, **per_minute: int) -> RateLimits:
    named = {"per_key": 0, "per_customer": 0, "per_address": 0} | per_minute
    return RateLimits(Limits(**named), workers, clock)


def admitted(rates: RateLimits, asked: int, address: str = ADDRESS, key: str = KEY) -> int:
    """Ask so often, and count what was let through."""
    refused = 0
    for _ in range(asked):
        try:
            rates.take_for_browser(address, key)
        except RateLimited:
            refused += 1
    return asked - refused


@given(limit=st.integers(1, 100_000), workers=st.integers(1, 8))
def test_a_limit_is_let_through_at_once_and_no_more(limit: int, workers: int) -> None:
    """Each worker lets its share through, and at least one, exactly."""
    buckets, pace = Buckets(), Pace.of(limit, workers)
    share = max(1, limit // workers)

    waits = [buckets.take("a", pace, 12_345.678) for _ in range(share + 1)]

    assert waits[:share] == [0.0] * share
    assert waits[share] > 0


@given(
    limit=st.integers(1, 600),
    gaps=st.lists(st.floats(0, 30, allow_subnormal=False), min_size=1, max_size=200),
)
def test_no_minute_sees_more_than_twice_the_limit(limit: int, gaps: list[float]) -> None:
    """A full bucket, and what ran in meanwhile; whoever waits as long as told is let through."""
    buckets, pace, now, passed = Buckets(), Pace.of(limit, 1), 0.0, []
    for gap in gaps:
        now += gap
        wait = buckets.take("a", pace, now)
        if wait:
            now += math.ceil(wait)
            wait = buckets.take("a", pace, now)
        assert wait == 0
        passed.append(now)

    assert all(
        sum(start <= moment < start + 60 for moment in passed) <= 2 * limit for start in passed
    )


def test_a_refusal_takes_nothing_and_says_when_to_come_back() -> None:
    """Who hammers on waits no longer for it."""
    clock = Clock()
    rates = limits(clock, per_key=60)
    admitted(rates, 1000)

    with pytest.raises(RateLimited) as refused:
        rates.take_for_browser(ADDRESS, KEY)
    clock.now += refused.value.retry_after_seconds

    assert (refused.value.by, refused.value.retry_after_seconds) == ("key", 1)
    assert admitted(rates, 5) == 1


def test_workers_share_a_limit() -> None:
    """Four of them let a quarter through each."""
    assert admitted(limits(Clock(), 4, per_address=100), 200) == 25


def test_keys_and_addresses_are_counted_apart() -> None:
    """Another address goes on with the same key until the key is spent, and the other way round."""
    rates = limits(Clock(), per_key=30, per_address=20)

    counts = [
        admitted(rates, 50),
        admitted(rates, 50, address="192.0.2.2"),
        admitted(rates, 50, address="192.0.2.3"),
        admitted(rates, 50, address="192.0.2.3", key="pk_other"),
    ]

    assert counts == [20, 10, 0, 0]


def test_a_refused_address_spends_nothing_of_the_key() -> None:
    """One who hammers cannot use up what the others have."""
    rates = limits(Clock(), per_key=30, per_address=20)
    admitted(rates, 1000)

    assert admitted(rates, 50, address="192.0.2.2") == 10


def test_no_limit_is_none() -> None:
    """0 switches it off, also for keys that nobody knows."""
    rates = limits(Clock())
    for _ in range(1000):
        rates.take_for_unknown_key(ADDRESS)
        rates.take_for_customer(b"c")
        rates.take_for_secret_key("sk-1", None)

    assert admitted(rates, 1000) == 1000
    assert rates.seconds_until_look_up(ADDRESS) == 0


def test_a_secret_key_has_the_limit_that_it_was_made_with() -> None:
    """Over all workers; others have none."""
    rates = limits(Clock(), 2)
    for _ in range(5):
        rates.take_for_secret_key("sk-1", 10)
        rates.take_for_secret_key("sk-2", None)

    rates.take_for_secret_key("sk-2", None)
    with pytest.raises(RateLimited, match="this key"):
        rates.take_for_secret_key("sk-1", 10)


def test_memory_is_bounded_and_the_busy_are_remembered() -> None:
    """The bucket that was used longest ago is forgotten."""
    buckets = Buckets(kept=100)
    for number in range(1000):
        buckets.take("busy", Pace.of(60_000, 1), 0.0)
        buckets.take(str(number), Pace.of(60, 1), 0.0)

    assert len(buckets) == 100
    assert buckets.wait("busy", Pace.of(1, 1), 0.0) > 0
    assert BUCKETS_KEPT < 100_000


def test_threads_share_a_bucket_exactly() -> None:
    """Eight at once get no more than one would."""
    buckets, passed = Buckets(), []

    def ask() -> None:
        passed.append(sum(buckets.take("a", Pace.of(6000, 1), 5.0) == 0 for _ in range(2000)))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(passed) == 6000
