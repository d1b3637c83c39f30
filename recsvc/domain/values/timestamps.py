"""Timestamps: microseconds since 1970 to and from RFC 3339, the only format of the API."""

import re
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RFC3339_RULE = (
    "an RFC 3339 time with an offset, like 2026-11-30T08:00:00Z, from 1970 to 9999 in UTC, with at "
    "most 6 digits of a fraction"
)

_MICROSECOND = timedelta(microseconds=1)
_FIRST_US = (datetime.min.replace(tzinfo=UTC) - EPOCH) // _MICROSECOND
_LAST_US = (datetime.max.replace(tzinfo=UTC) - EPOCH) // _MICROSECOND
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def rfc3339(at_us: int) -> str:
    """Format microseconds since 1970 as `2024-05-06T07:08:09.000123Z`, without rounding."""
    return datetime_at(at_us).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> int | None:
    """Parse a text to microseconds since 1970; None if it is invalid.

    A time outside 1970 to 9999 in UTC is invalid.
    """
    if not _RFC3339.fullmatch(text):
        return None
    try:
        at_us = (datetime.fromisoformat(text.upper()) - EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None
    return at_us if 0 <= at_us <= _LAST_US else None


def microseconds(at: datetime) -> int:
    """Return an aware datetime as microseconds since 1970."""
    return (at - EPOCH) // _MICROSECOND


def datetime_at(at_us: int) -> datetime:
    """Return microseconds since 1970 as a datetime, clamped to the years 1 to 9999.

    Earlier releases accepted times outside that range, and stored times must be displayable.
    """
    at_us = min(max(at_us, _FIRST_US), _LAST_US)
    return EPOCH + timedelta(microseconds=at_us)  # a float of seconds would lose microseconds
