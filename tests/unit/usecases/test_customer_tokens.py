"""Customer tokens, at times that the test chooses."""

from datetime import UTC, datetime, timedelta

import pytest

from recsvc.domain.ids import CustomerId
from recsvc.usecases.customer_tokens import BadToken, mint, verify

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECRET = "a-signing-secret-that-is-long-enough-for-hs256"
KIDS = frozenset({"pk-1"})


def test_a_token_is_for_the_customer_it_was_minted_for() -> None:
    """Any valid id will do."""
    token = mint(CustomerId("zoë 1"), "pk-1", SECRET, NOW)

    assert verify(token, KIDS, SECRET, NOW) == "zoë 1"


@pytest.mark.parametrize(
    ("after", "is_good"),
    [
        (timedelta(seconds=-11), False),
        (timedelta(seconds=-9), True),
        (timedelta(minutes=15, seconds=9), True),
        (timedelta(minutes=15, seconds=11), False),
    ],
)
def test_a_token_lives_fifteen_minutes_give_or_take_a_clock(
    after: timedelta, is_good: bool
) -> None:
    """Ten seconds of leeway at both ends."""
    token = mint(CustomerId("c"), "pk-1", SECRET, NOW)

    try:
        verify(token, KIDS, SECRET, NOW + after)
    except BadToken:
        judged_good = False
    else:
        judged_good = True

    assert judged_good is is_good


def test_a_key_without_a_signing_secret_proves_nothing() -> None:
    """A secret key cannot sign tokens."""
    token = mint(CustomerId("c"), "pk-1", SECRET, NOW)

    with pytest.raises(BadToken):
        verify(token, KIDS, None, NOW)
