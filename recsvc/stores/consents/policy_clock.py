"""The time and the policy under which consents are evaluated. Reads no store.

The time never decreases in any worker: a grant that has expired stays expired when a clock goes
back.
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
    """Evaluates records under the current policy at the latest time that any worker has seen."""

    def __init__(
        self, max_age_us: int, clock: Callable[[], int], shared: memoryview | None = None
    ) -> None:
        """`shared`: the latest time of all workers. None: this process is the only one."""
        self._clock = clock
        self._shared = private_timestamp() if shared is None else shared
        self._seen_us = 0  # the latest time of any worker's clock
        self._latest_us = 0
        self._lock = Lock()
        self._policy = ConsentPolicy(max_age_us)
        self._max_age_us = max_age_us

    def now_us(self, at_least_us: int = 0) -> int:
        """Return the latest time seen. `at_least_us`: the store's time, which is not shared."""
        with self._lock:
            shared_us = self._shared[0]
            self._seen_us = max(self._seen_us, shared_us, self._clock())
            if self._seen_us > shared_us:
                self._shared[0] = self._seen_us
            self._latest_us = max(self._latest_us, at_least_us, self._seen_us)
            return self._latest_us

    def policy(self, minimums: Minimums | None) -> ConsentPolicy:
        """Return the policy; None is an unreadable one, which permits nothing."""
        if minimums is None:
            return UNREADABLE_POLICY
        return ConsentPolicy(self._max_age_us, minimums) if minimums else self._policy

    def status(
        self, record: ConsentRecord, minimums: Minimums | None, at_least_us: int = 0
    ) -> ConsentStatus:
        return ConsentStatus(record, self.now_us(at_least_us), self.policy(minimums))


@lru_cache(64)
def read_minimums(stored: bytes | None) -> Minimums | None:
    """Decode the field of the policy; None if unreadable. Unknown purposes are ignored."""
    if stored is None:
        return NO_MINIMUMS
    try:
        versions = msgspec.json.decode(stored, type=dict[str, str])
    except msgspec.DecodeError:
        return None
    return {_PURPOSES[name]: text for name, text in versions.items() if name in _PURPOSES}


def write_minimums(minimums: Minimums) -> bytes:
    return msgspec.json.encode({str(purpose): minimums[purpose] for purpose in sorted(minimums)})
