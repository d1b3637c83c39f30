"""The wall clock. Only `wiring` and `cli` import it; other layers get the time as an argument."""

import time
from datetime import UTC, datetime


def utc_now_us() -> int:
    return time.time_ns() // 1000


def utc_now() -> datetime:
    return datetime.now(UTC)
