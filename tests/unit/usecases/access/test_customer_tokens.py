"""Customer tokens, at times that the test sets."""

import math
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from recsvc.domain.values.ids import CustomerId
from recsvc.usecases.access.customer_tokens import BadToken, mint, verify

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECRET = "a-signing-secret-that-is-long-enough-for-hs256"
KIDS = frozenset({"pk-1"})
NO_TIMES = [10**400, -(10**400), 2**60, math.nan, math.inf, -math.inf, True, None, "60", [], {}]


def test_a_token_names_its_customer() -> None:
    """Verifying a token returns the customer id that it was created for."""
    token = mint(CustomerId("zoë 1"), "pk-1", SECRET, NOW)

    assert verify(token, KIDS, SECRET, NOW) == "zoë 1"


@pytest.mark.parametrize(
    ("after", "is_valid"),
    [
        (timedelta(seconds=-11), False),
        (timedelta(seconds=-9), True),
        (timedelta(minutes=15, seconds=-1), True),
        (timedelta(minutes=15), False),
    ],
)
def test_a_token_is_valid_for_fifteen_minutes(after: timedelta, is_valid: bool) -> None:
    """A token is valid for 15 minutes, and up to ten seconds before its time of issue."""
    token = mint(CustomerId("c"), "pk-1", SECRET, NOW)

    try:
        verify(token, KIDS, SECRET, NOW + after)
    except BadToken:
        accepted = False
    else:
        accepted = True

    assert accepted is is_valid


def test_a_key_without_a_signing_secret_verifies_no_token() -> None:
    """A key without a signing secret, such as a secret key, verifies no token."""
    token = mint(CustomerId("c"), "pk-1", SECRET, NOW)

    with pytest.raises(BadToken):
        verify(token, KIDS, None, NOW)


def test_no_bit_of_a_token_can_be_changed() -> None:
    """A token with any bit changed is refused, also the bits that base64 leaves unused."""
    token = mint(CustomerId("c"), "pk-1", SECRET, NOW)
    flipped = [
        token[:position] + chr(ord(token[position]) ^ (1 << bit)) + token[position + 1 :]
        for position in range(len(token))
        for bit in range(8)
    ]

    assert [changed for changed in flipped if is_valid(changed)] == []
    assert is_valid(token)


@pytest.mark.parametrize("changed", ["{}=", "{}==", " {}", "{} ", "{}.", "{}A", "{}!", "\n{}"])
def test_nothing_can_be_added_to_a_token(changed: str) -> None:
    """A token with padding, spaces or other additions is refused."""
    assert not is_valid(changed.format(mint(CustomerId("c"), "pk-1", SECRET, NOW)))


def is_valid(token: str) -> bool:
    try:
        return verify(token, KIDS, SECRET, NOW) == "c"
    except BadToken:
        return False


def signed(**claims: object) -> str:
    """Return a valid token, with these claims replaced."""
    issued = int(NOW.timestamp())
    claims = {"sub": "c", "iat": issued, "nbf": issued, "exp": issued + 60, **claims}
    return jwt.encode(claims, SECRET, headers={"kid": "pk-1"})


def test_fractional_times_are_accepted() -> None:
    """The times of a token may have fractions of a second."""
    assert verify(signed(exp=NOW.timestamp() + 60.5), KIDS, SECRET, NOW) == "c"


@pytest.mark.parametrize("claim", ["iat", "nbf", "exp"])
@pytest.mark.parametrize("time", NO_TIMES, ids=lambda time: repr(time)[:12])
def test_an_invalid_time_makes_a_token_invalid(claim: str, time: object) -> None:
    """A claim that is no valid time raises BadToken and no other exception."""
    with pytest.raises(BadToken):
        verify(signed(**{claim: time}), KIDS, SECRET, NOW)


@pytest.mark.parametrize("claim", ["iat", "exp"])
@pytest.mark.parametrize("time", [-1, 0, -60.5])
def test_a_time_long_ago_makes_a_token_invalid(claim: str, time: float) -> None:
    """A token with a time long ago is expired or has too long a lifetime."""
    with pytest.raises(BadToken):
        verify(signed(**{claim: time}), KIDS, SECRET, NOW)


def test_a_negative_not_before_time_is_accepted() -> None:
    """A negative `nbf` is in the past, so the token is valid."""
    assert verify(signed(nbf=-1), KIDS, SECRET, NOW) == "c"
