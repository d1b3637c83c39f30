"""Weights of recent events."""

import pytest

from recsvc.domain.customers.recent_events import HALF_LIFE_DAYS, WEIGHTS, RecentKind, weight

DAY = 86_400


@pytest.mark.parametrize("kind", RecentKind)
def test_a_weight_halves_after_a_half_life(kind: RecentKind) -> None:
    """A weight halves after each half-life; an event in the future counts as new."""
    assert weight(kind, HALF_LIFE_DAYS * DAY) == pytest.approx(WEIGHTS[kind] / 2)
    assert weight(kind, -DAY) == weight(kind, 0) == WEIGHTS[kind]
