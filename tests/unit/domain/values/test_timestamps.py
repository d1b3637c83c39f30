"""Formatting and parsing of RFC 3339 times."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsvc.domain.values.timestamps import microseconds, parse_rfc3339, rfc3339

OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda each: timedelta(minutes=each))


@pytest.mark.parametrize(
    ("at_us", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_714_979_289_000_123, "2024-05-06T07:08:09.000123Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_no_microsecond_is_lost(at_us: int, text: str) -> None:
    """Times are formatted to the microsecond, which floating-point seconds would round."""
    assert rfc3339(at_us) == text


def test_the_standard_library_reads_a_formatted_time() -> None:
    """The standard library parses a formatted time to the same time."""
    at_us = 4_102_444_800_000_001

    read = datetime.fromisoformat(rfc3339(at_us))

    assert read - datetime(1970, 1, 1, tzinfo=UTC) == timedelta(microseconds=at_us)


@pytest.mark.parametrize(
    "text", ["2024-05-06T07:08:09Z", "2024-05-06 09:08:09.000000+02:00", "2024-05-06t07:08:09.0z"]
)
def test_every_rfc3339_spelling_is_parsed(text: str) -> None:
    """Lower case, a space separator, fractions and offsets are accepted."""
    assert parse_rfc3339(text) == 1_714_979_289_000_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-05-06",
        "2024-05-06T07:08:09",
        "2024-13-06T07:08:09Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "1970-01-01T00:59:59+01:00",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_an_invalid_time_is_none(text: str) -> None:
    """A text without offset or time, with an impossible date, or outside 1970 to 9999 in UTC is
    invalid.
    """
    assert parse_rfc3339(text) is None


@given(st.datetimes(timezones=st.builds(timezone, OFFSETS)))
def test_every_parsed_time_can_be_formatted(at: datetime) -> None:
    """A time of any year and offset is either invalid, or its formatted form parses to the same
    time.
    """
    at_us = parse_rfc3339(at.isoformat())

    assert at_us is None or parse_rfc3339(rfc3339(at_us)) == at_us


@pytest.mark.parametrize(
    ("at_us", "text"),
    [
        (253_402_387_140_000_000, "9999-12-31T23:59:59.999999Z"),
        (-62_135_647_200_000_000, "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_a_stored_time_outside_the_range_is_clamped(at_us: int, text: str) -> None:
    """A stored time outside the years 1 to 9999 is formatted as the nearest valid time."""
    assert rfc3339(at_us) == text


def test_a_datetime_becomes_microseconds() -> None:
    """The conversion to microseconds is exact."""
    assert microseconds(datetime(2024, 5, 6, 7, 8, 9, 123, UTC)) == 1_714_979_289_000_123
