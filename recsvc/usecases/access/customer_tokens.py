"""Customer tokens: a shop's backend signs one so that a browser may act for one customer.

A token is a JWT (RFC 7519) with HS256 and no other algorithm. Shops mint tokens in any language;
`mint` serves the command line and tests. Every fault of a token gets the same answer.
"""

import re
from datetime import datetime

import jwt
from jwt.types import Options

from recsvc.domain.values.ids import CustomerId, id_fault

ALGORITHM = "HS256"
MAX_LIFE_SECONDS = 15 * 60
LEEWAY_SECONDS = 10  # a token may be issued this far in the future: clocks differ
MAX_TOKEN_LENGTH = 4096
MAX_SECONDS = 2**53  # a whole number beyond it may be too large for any float

# Base64 leaves the last two bits of a signature unused, and its decoder skips foreign characters:
# without this pattern one token could be spelled in several ways.
_SPELLING = re.compile(
    r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", re.ASCII
)

# The times are checked against the clock that is passed in, not against the library's.
_OPTIONS: Options = {
    "require": ["sub", "iat", "exp"],
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
}


class BadToken(Exception):
    """The token is not valid."""


def mint(customer: CustomerId, key_id: str, signing_secret: str, now: datetime) -> str:
    """Return a token for the customer with the longest permitted life."""
    issued = int(now.timestamp())
    claims = {"sub": customer, "iat": issued, "exp": issued + MAX_LIFE_SECONDS}
    return jwt.encode(claims, signing_secret, ALGORITHM, headers={"kid": key_id})


def verify(
    token: str, kids: frozenset[str], signing_secret: str | None, now: datetime
) -> CustomerId:
    """Return the token's customer; raise `BadToken` for any fault.

    `kids`: the accepted values of `kid`, the id and the text of the presented key.
    """
    if signing_secret is None or len(token) > MAX_TOKEN_LENGTH:
        raise BadToken
    if _SPELLING.fullmatch(token) is None:
        raise BadToken
    try:
        if jwt.get_unverified_header(token).get("kid") not in kids:
            raise BadToken
        claims = jwt.decode(token, signing_secret, [ALGORITHM], options=_OPTIONS)
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
        raise BadToken from None
    _check_times(claims, now.timestamp())
    customer = claims["sub"]
    if not isinstance(customer, str) or id_fault(customer) is not None:
        raise BadToken
    return CustomerId(customer)


def _check_times(claims: dict[str, object], now: float) -> None:
    issued, expires = _seconds(claims["iat"]), _seconds(claims["exp"])
    starts = _seconds(claims.get("nbf", issued))
    if not 0 < expires - issued <= MAX_LIFE_SECONDS:
        raise BadToken
    if max(issued, starts) > now + LEEWAY_SECONDS or expires <= now:
        raise BadToken


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadToken
    if not -MAX_SECONDS <= value <= MAX_SECONDS:  # false for NaN as well
        raise BadToken
    return float(value)
