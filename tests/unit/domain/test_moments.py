"""How a moment is written."""

from datetime import UTC, datetime, timedelta

import pytest

from recsvc.domain.moments import rfc3339


@pytest.mark.parametrize(
    ("at_us", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_714_979_289_000_123, "2024-05-06T07:08:09.000123Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_no_microsecond_is_lost(at_us: int, text: str) -> None:
    """A float of seconds would round the last of these."""
    assert rfc3339(at_us) == text


def test_what_is_written_is_read_back() -> None:
    """By the standard library, as the same moment."""
    at_us = 4_102_444_800_000_001

    read = datetime.fromisoformat(rfc3339(at_us))

    assert read - datetime(1970, 1, 1, tzinfo=UTC) == timedelta(microseconds=at_us)
