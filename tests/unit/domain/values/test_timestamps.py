"""How a moment is written, and read."""

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
    """A float of seconds would round the last of these."""
    assert rfc3339(at_us) == text


def test_what_is_written_is_read_back() -> None:
    """By the standard library, as the same moment."""
    at_us = 4_102_444_800_000_001

    read = datetime.fromisoformat(rfc3339(at_us))

    assert read - datetime(1970, 1, 1, tzinfo=UTC) == timedelta(microseconds=at_us)


@pytest.mark.parametrize(
    "text", ["2024-05-06T07:08:09Z", "2024-05-06 09:08:09.000000+02:00", "2024-05-06t07:08:09.0z"]
)
def test_a_moment_is_read_in_any_of_its_spellings(text: str) -> None:
    """RFC 3339 leaves a few open."""
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
def test_what_says_no_moment_is_none(text: str) -> None:
    """No zone, no time, no such day, or outside 1970 to 9999 once its offset is taken off."""
    assert parse_rfc3339(text) is None


@given(st.datetimes(timezones=st.builds(timezone, OFFSETS)))
def test_whatever_is_read_can_be_written(at: datetime) -> None:
    """A moment in any year and zone is either refused, or written so that it is read the same."""
    at_us = parse_rfc3339(at.isoformat())

    assert at_us is None or parse_rfc3339(rfc3339(at_us)) == at_us


@pytest.mark.parametrize(
    ("at_us", "text"),
    [
        (253_402_387_140_000_000, "9999-12-31T23:59:59.999999Z"),
        (-62_135_647_200_000_000, "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_what_was_once_stored_beyond_all_years_is_shown(at_us: int, text: str) -> None:
    """As the moment nearest to it that has a year."""
    assert rfc3339(at_us) == text


def test_a_moment_becomes_microseconds() -> None:
    """Exactly, and whatever its zone."""
    assert microseconds(datetime(2024, 5, 6, 7, 8, 9, 123, UTC)) == 1_714_979_289_000_123
