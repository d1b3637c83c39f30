"""Token buckets, at times that the test sets."""

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


def admitted(rates: RateLimits, requests: int, address: str = ADDRESS, key: str = KEY) -> int:
    """Send the given number of requests and return how many were admitted."""
    refused = 0
    for _ in range(requests):
        try:
            rates.take_for_browser(address, key)
        except RateLimited:
            refused += 1
    return requests - refused


@given(limit=st.integers(1, 100_000), workers=st.integers(1, 8))
def test_a_full_bucket_admits_exactly_the_workers_share(limit: int, workers: int) -> None:
    """A full bucket admits the worker's share of the limit, at least one, and then refuses."""
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
    """No minute admits more than a full bucket and its refill; the returned wait is sufficient."""
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


def test_a_refusal_costs_nothing_and_has_a_retry_time() -> None:
    """A refused request takes no token, so repeated requests do not lengthen the wait."""
    clock = Clock()
    rates = limits(clock, per_key=60)
    admitted(rates, 1000)

    with pytest.raises(RateLimited) as refused:
        rates.take_for_browser(ADDRESS, KEY)
    clock.now += refused.value.retry_after_seconds

    assert (refused.value.by, refused.value.retry_after_seconds) == ("key", 1)
    assert admitted(rates, 5) == 1


def test_workers_share_a_limit() -> None:
    """Each of four workers admits a quarter of the limit."""
    assert admitted(limits(Clock(), 4, per_address=100), 200) == 25


def test_keys_and_addresses_have_separate_buckets() -> None:
    """The limits of a key and of an address apply independently."""
    rates = limits(Clock(), per_key=30, per_address=20)

    counts = [
        admitted(rates, 50),
        admitted(rates, 50, address="192.0.2.2"),
        admitted(rates, 50, address="192.0.2.3"),
        admitted(rates, 50, address="192.0.2.3", key="pk_other"),
    ]

    assert counts == [20, 10, 0, 0]


def test_a_refused_address_takes_no_token_of_the_key() -> None:
    """A request refused by its address takes no token from the key's bucket."""
    rates = limits(Clock(), per_key=30, per_address=20)
    admitted(rates, 1000)

    assert admitted(rates, 50, address="192.0.2.2") == 10


def test_a_limit_of_zero_is_unlimited() -> None:
    """A limit of 0 disables the limit, also for unknown keys."""
    rates = limits(Clock())
    for _ in range(1000):
        rates.take_for_unknown_key(ADDRESS)
        rates.take_for_customer(b"c")
        rates.take_for_secret_key("sk-1", None)

    assert admitted(rates, 1000) == 1000
    assert rates.seconds_until_look_up(ADDRESS) == 0


def test_a_secret_key_has_the_limit_that_it_was_created_with() -> None:
    """A secret key's own limit is shared by all workers; keys without one are unlimited."""
    rates = limits(Clock(), 2)
    for _ in range(5):
        rates.take_for_secret_key("sk-1", 10)
        rates.take_for_secret_key("sk-2", None)

    rates.take_for_secret_key("sk-2", None)
    with pytest.raises(RateLimited, match="this key"):
        rates.take_for_secret_key("sk-1", 10)


def test_only_the_recently_used_buckets_are_kept() -> None:
    """Above the maximum, the least recently used bucket is dropped."""
    buckets = Buckets(kept=100)
    for number in range(1000):
        buckets.take("busy", Pace.of(60_000, 1), 0.0)
        buckets.take(str(number), Pace.of(60, 1), 0.0)

    assert len(buckets) == 100
    assert buckets.wait("busy", Pace.of(1, 1), 0.0) > 0
    assert BUCKETS_KEPT < 100_000


def test_threads_share_a_bucket_exactly() -> None:
    """Eight threads together are admitted exactly as often as one would be."""
    buckets, passed = Buckets(), []

    def ask() -> None:
        passed.append(sum(buckets.take("a", Pace.of(6000, 1), 5.0) == 0 for _ in range(2000)))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(passed) == 6000
