"""What a recent event says."""

import pytest

from recsvc.domain.customers.recent_events import HALF_LIFE_DAYS, WEIGHTS, RecentKind, weight

DAY = 86_400


@pytest.mark.parametrize("kind", RecentKind)
def test_an_event_says_half_as_much_after_a_half_life(kind: RecentKind) -> None:
    """And one in the future no more than one of now."""
    assert weight(kind, HALF_LIFE_DAYS * DAY) == pytest.approx(WEIGHTS[kind] / 2)
    assert weight(kind, -DAY) == weight(kind, 0) == WEIGHTS[kind]
