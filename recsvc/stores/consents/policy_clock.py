"""The moment and the policy by which a service judges consents. Asks no store.

The moment never goes back, in none of the workers: when the clock does, what has expired stays
expired.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from threading import Lock

import msgspec

from recsvc.domain.consent.consent import (
    UNREADABLE_POLICY,
    ConsentPolicy,
    ConsentRecord,
    ConsentStatus,
    Purpose,
)
from recsvc.stores.consents.shared_clock import private_timestamp

Minimums = Mapping[Purpose, str]

NO_MINIMUMS: Minimums = {}

_PURPOSES = {str(purpose): purpose for purpose in Purpose}


class PolicyClock:
    """Puts records under the policy that is in force, at the latest moment that was ever seen."""

    def __init__(
        self, max_age_us: int, clock: Callable[[], int], shared: memoryview | None = None
    ) -> None:
        """`shared`: what all workers have seen; None: this process is the only one."""
        self._clock = clock
        self._shared = private_timestamp() if shared is None else shared
        self._seen_us = 0  # by the clock of any worker
        self._latest_us = 0
        self._lock = Lock()
        self._policy = ConsentPolicy(max_age_us)
        self._max_age_us = max_age_us

    def now_us(self, at_least_us: int = 0) -> int:
        """Return the latest moment that was seen. `at_least_us`: by another clock, here alone."""
        with self._lock:
            told_us = self._shared[0]
            self._seen_us = max(self._seen_us, told_us, self._clock())
            if self._seen_us > told_us:
                self._shared[0] = self._seen_us
            self._latest_us = max(self._latest_us, at_least_us, self._seen_us)
            return self._latest_us

    def policy(self, minimums: Minimums | None) -> ConsentPolicy:
        """Return the policy; None is one that cannot be read, under which nothing counts."""
        if minimums is None:
            return UNREADABLE_POLICY
        return ConsentPolicy(self._max_age_us, minimums) if minimums else self._policy

    def status(
        self, record: ConsentRecord, minimums: Minimums | None, at_least_us: int = 0
    ) -> ConsentStatus:
        return ConsentStatus(record, self.now_us(at_least_us), self.policy(minimums))


@lru_cache(64)
def read_minimums(stored: bytes | None) -> Minimums | None:
    """Read the policy's field; None when it cannot be read. A purpose that is not ours is none."""
    if stored is None:
        return NO_MINIMUMS
    try:
        versions = msgspec.json.decode(stored, type=dict[str, str])
    except msgspec.DecodeError:
        return None
    return {_PURPOSES[name]: text for name, text in versions.items() if name in _PURPOSES}


def write_minimums(minimums: Minimums) -> bytes:
    return msgspec.json.encode({str(purpose): minimums[purpose] for purpose in sorted(minimums)})
