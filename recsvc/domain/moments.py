"""Moments as text: the one way in which answers and commands write a time, and bodies say one."""

import re
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RFC3339_RULE = "a time of RFC 3339 with its offset, as 2026-11-30T08:00:00Z"

_MICROSECOND = timedelta(microseconds=1)
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def rfc3339(at_us: int) -> str:
    """Return microseconds since 1970 as `2024-05-06T07:08:09.000123Z`, exact to the last one."""
    at = EPOCH + timedelta(microseconds=at_us)  # a float of seconds would lose microseconds
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> int | None:
    """Return the microseconds since 1970 that a text says; None when it says none."""
    if not _RFC3339.fullmatch(text):
        return None
    try:
        return (datetime.fromisoformat(text.upper()) - EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None


def microseconds(at: datetime) -> int:
    """Return an aware moment as microseconds since 1970."""
    return (at - EPOCH) // _MICROSECOND


def moment_at(at_us: int) -> datetime:
    """Return microseconds since 1970 as a moment."""
    return EPOCH + timedelta(microseconds=at_us)
