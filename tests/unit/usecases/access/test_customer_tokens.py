"""Customer tokens, at times that the test chooses."""

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


def test_a_token_is_for_the_customer_it_was_minted_for() -> None:
    """Any valid id will do."""
    token = mint(CustomerId("zoë 1"), "pk-1", SECRET, NOW)

    assert verify(token, KIDS, SECRET, NOW) == "zoë 1"


@pytest.mark.parametrize(
    ("after", "is_good"),
    [
        (timedelta(seconds=-11), False),
        (timedelta(seconds=-9), True),
        (timedelta(minutes=15, seconds=-1), True),
        (timedelta(minutes=15), False),
    ],
)
def test_a_token_lives_fifteen_minutes(after: timedelta, is_good: bool) -> None:
    """It may come from a clock that is ten seconds ahead; at its end it is over."""
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


def test_no_bit_of_a_token_can_be_changed() -> None:
    """Not even those that base64 leaves unused: a token has one spelling."""
    token = mint(CustomerId("c"), "pk-1", SECRET, NOW)
    flipped = [
        token[:place] + chr(ord(token[place]) ^ (1 << bit)) + token[place + 1 :]
        for place in range(len(token))
        for bit in range(8)
    ]

    assert [changed for changed in flipped if is_good(changed)] == []
    assert is_good(token)


@pytest.mark.parametrize("changed", ["{}=", "{}==", " {}", "{} ", "{}.", "{}A", "{}!", "\n{}"])
def test_nothing_can_be_added_to_a_token(changed: str) -> None:
    """What a lenient decoder would skip makes it another token."""
    assert not is_good(changed.format(mint(CustomerId("c"), "pk-1", SECRET, NOW)))


def is_good(token: str) -> bool:
    try:
        return verify(token, KIDS, SECRET, NOW) == "c"
    except BadToken:
        return False


def signed(**claims: object) -> str:
    """Return a token that is good but for these claims."""
    issued = int(NOW.timestamp())
    said = {"sub": "c", "iat": issued, "nbf": issued, "exp": issued + 60, **claims}
    return jwt.encode(said, SECRET, headers={"kid": "pk-1"})


def test_a_token_of_any_language_is_good() -> None:
    """Times may be whole or not."""
    assert verify(signed(exp=NOW.timestamp() + 60.5), KIDS, SECRET, NOW) == "c"


@pytest.mark.parametrize("claim", ["iat", "nbf", "exp"])
@pytest.mark.parametrize("time", NO_TIMES, ids=lambda time: repr(time)[:12])
def test_what_is_no_time_makes_a_token_bad(claim: str, time: object) -> None:
    """Text, truth values, numbers beyond any clock or float: bad, and never another exception."""
    with pytest.raises(BadToken):
        verify(signed(**{claim: time}), KIDS, SECRET, NOW)


@pytest.mark.parametrize("claim", ["iat", "exp"])
@pytest.mark.parametrize("time", [-1, 0, -60.5])
def test_a_time_long_ago_makes_a_token_bad(claim: str, time: float) -> None:
    """Too long a life, or over."""
    with pytest.raises(BadToken):
        verify(signed(**{claim: time}), KIDS, SECRET, NOW)


def test_a_negative_start_is_long_past() -> None:
    """`nbf` says only from when on."""
    assert verify(signed(nbf=-1), KIDS, SECRET, NOW) == "c"
