"""Weights of recent events."""

import pytest

from recsvc.domain.customers.recent_events import (
    HALF_LIFE_DAYS,
    WEIGHTS,
    RecentKind,
    decode,
    decode_impressions,
    weight,
)

DAY = 86_400


@pytest.mark.parametrize("kind", RecentKind)
def test_a_weight_halves_after_a_half_life(kind: RecentKind) -> None:
    """A weight halves after each half-life; an event in the future counts as new."""
    assert weight(kind, HALF_LIFE_DAYS * DAY) == pytest.approx(WEIGHTS[kind] / 2)
    assert weight(kind, -DAY) == weight(kind, 0) == WEIGHTS[kind]


@pytest.mark.parametrize(
    "damaged",
    [b"", b"s", b"s12", b"s12 ", b"x12 milk", b"x milk", b"s-1 milk", b"s12 \xff", b"s" * 99],
)
def test_a_damaged_entry_is_skipped(damaged: bytes) -> None:
    """The other entries of events and impressions stay readable."""
    assert decode_impressions([b"s12 milk", damaged, b"s11 tea"]) == [(12, "milk"), (11, "tea")]
    assert [event[1:] for event in decode([b"v12 milk", damaged])] == [(12, "milk")]
