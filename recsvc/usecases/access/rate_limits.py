"""Rate limits: token buckets in this worker's memory. No store; the clock is passed in.

A limit of N allows a burst of N requests and N a minute in the long run, over all workers; each
worker gets an equal share, at least one request. Memory is bounded: only the latest buckets of each
kind are kept. A dropped bucket starts full again, as any bucket is after an idle minute.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import NamedTuple

from recsvc.domain.errors import RateLimited

WINDOW_SECONDS = 60.0
BUCKETS_KEPT = 16_384  # of each kind: some 3 MB


class LimitedBy(StrEnum):
    KEY = "key"
    CUSTOMER = "customer"
    ADDRESS = "address"


class Pace(NamedTuple):
    """`interval`: seconds between two tokens. `room`: a bucket this far from full has a token."""

    interval: float
    room: float

    @classmethod
    def of(cls, limit: int, workers: int) -> "Pace":
        """Return the pace of one worker; the margin keeps rounding from costing a token."""
        interval = WINDOW_SECONDS * workers / limit
        return cls(interval, max(0.0, WINDOW_SECONDS - interval) + interval / 100)


class Buckets:
    """Buckets by name, each stored as the time when it will be full again (GCRA).

    The name is a text or, for customers, a keyed hash.
    """

    def __init__(self, kept: int = BUCKETS_KEPT) -> None:
        self._full_at: OrderedDict[str | bytes, float] = OrderedDict()
        self._kept = kept
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, name: str | bytes, pace: Pace, now: float) -> float:
        """Take a token and return 0, or take none and return the seconds until one is free."""
        full_at = self._full_at
        interval, room = pace
        with self._lock:
            full = full_at.get(name, now)
            if full < now:
                full = now
            wait = full - now - room
            if wait > 0:
                return wait
            full_at[name] = full + interval
            full_at.move_to_end(name)
            if len(full_at) > self._kept:
                full_at.popitem(last=False)
        return 0.0

    def wait(self, name: str | bytes, pace: Pace, now: float) -> float:
        """Return the seconds until a token is free; 0 if one is free now."""
        full = self._full_at.get(name)
        return 0.0 if full is None else max(0.0, full - now - pace.room)


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests a minute over all workers; 0 means no limit."""

    per_key: int
    per_customer: int
    per_address: int


class RateLimits:
    """One worker's share of the limits."""

    def __init__(self, limits: Limits, workers: int, clock: Callable[[], float]) -> None:
        self._workers = workers
        self._clock = clock
        self._buckets = {kind: Buckets() for kind in LimitedBy}
        self._key = self._pace(limits.per_key)
        self._customer = self._pace(limits.per_customer)
        self._address = self._pace(limits.per_address)

    def take_for_browser(self, address: str, key: str) -> None:
        """Count a request with a publishable key, before the key is authenticated."""
        now = self._clock()
        self._take(LimitedBy.ADDRESS, address, self._address, now)
        self._take(LimitedBy.KEY, key, self._key, now)

    def take_for_customer(self, customer: bytes) -> None:
        """Count a request with a customer token."""
        self._take(LimitedBy.CUSTOMER, customer, self._customer, self._clock())

    def take_for_secret_key(self, key_id: str, limit: int | None) -> None:
        """Count a request with a secret key that was made with a limit."""
        if limit is not None:
            self._take(LimitedBy.KEY, key_id, self._pace(limit), self._clock())

    def take_for_unknown_key(self, address: str) -> None:
        """Count a request with an unknown key after its answer; it is never refused here."""
        if self._address is not None:
            self._buckets[LimitedBy.ADDRESS].take(address, self._address, self._clock())

    def seconds_until_look_up(self, address: str) -> float:
        """Return the seconds during which unknown keys of this address are not looked up."""
        if self._address is None:
            return 0.0
        return self._buckets[LimitedBy.ADDRESS].wait(address, self._address, self._clock())

    def _pace(self, limit: int) -> Pace | None:
        return Pace.of(limit, self._workers) if limit else None

    def _take(self, by: LimitedBy, name: str | bytes, pace: Pace | None, now: float) -> None:
        if pace is None:
            return
        wait = self._buckets[by].take(name, pace, now)
        if wait > 0:
            raise limited(by, wait)


def limited(by: LimitedBy, wait_seconds: float) -> RateLimited:
    """Return the refusal; only its Retry-After header differs between equal refusals."""
    return RateLimited(
        f"too many requests for this {by}; retry after the seconds in the Retry-After header",
        str(by),
        max(1, math.ceil(wait_seconds)),
    )
