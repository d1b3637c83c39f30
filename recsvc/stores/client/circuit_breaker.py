"""A circuit breaker: after repeated failures the store gets no requests for a short pause.

The lock guards the counters only, never the call: many threads call the store at once, and a
hanging call must not block the others.
"""

import threading
import time
from collections.abc import Callable


class CircuitBreaker:
    """Opens after `max_failures` in a row; then allows one trial call per `pause_seconds`."""

    def __init__(
        self,
        max_failures: int = 5,
        pause_seconds: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_failures = max_failures
        self._pause_seconds = pause_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._next_try = 0.0

    @property
    def is_open(self) -> bool:
        return self._failures >= self._max_failures

    def allows(self) -> bool:
        """Return True if the caller may call the store now."""
        if not self.is_open:
            return True
        with self._lock:
            now = self._clock()
            if now < self._next_try:
                return False
            self._next_try = now + self._pause_seconds
            return True

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            self._next_try = self._clock() + self._pause_seconds

    def succeeded(self) -> None:
        if self._failures:
            with self._lock:
                self._failures = 0
