"""Moments as text: the one way in which answers and commands write a time."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(at_us: int) -> str:
    """Return microseconds since 1970 as `2024-05-06T07:08:09.000123Z`, exact to the last one."""
    at = EPOCH + timedelta(microseconds=at_us)  # a float of seconds would lose microseconds
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
