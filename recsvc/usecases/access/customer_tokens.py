"""Customer tokens: a shop's backend signs one so that a browser may act for one customer.

A token is a JWT (RFC 7519) with HS256 and no other algorithm. Shops mint tokens in any language;
`mint` serves the command line and tests. A refusal names the part of the token at fault, and tells
nothing about customers: no claim is read before the signature is verified.
"""

import re
from datetime import datetime

import jwt
from jwt.exceptions import InvalidSubjectError
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


_NO_JWT = "it is no JWT of three base64url parts with JSON objects"
_SUB = "sub: it must be the customer's id, as text"


class BadToken(Exception):
    """The token is not valid. Its text names the part at fault and the rule."""


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
    if signing_secret is None:
        raise BadToken("the key has no signing secret")
    if len(token) > MAX_TOKEN_LENGTH or _SPELLING.fullmatch(token) is None:
        raise BadToken(_NO_JWT)
    try:
        _check_kid(jwt.get_unverified_header(token), kids)
        claims = jwt.decode(token, signing_secret, [ALGORITHM], options=_OPTIONS)
    except jwt.PyJWTError as fault:
        raise BadToken(_fault_of(fault)) from None
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise BadToken(_NO_JWT) from None
    _check_times(claims, now.timestamp())
    customer = claims["sub"]
    if not isinstance(customer, str) or id_fault(customer) is not None:
        raise BadToken(_SUB)
    return CustomerId(customer)


def _check_kid(header: dict[str, object], kids: frozenset[str]) -> None:
    if "kid" not in header:
        raise BadToken("kid: missing; it is the id of the publishable key")
    if header["kid"] not in kids:
        raise BadToken("kid: it names another key than the one that was sent")


def _fault_of(fault: jwt.PyJWTError) -> str:
    match fault:
        case jwt.MissingRequiredClaimError():
            return f"{fault.claim}: missing"
        case jwt.InvalidAlgorithmError():
            return f"alg: only {ALGORITHM} is accepted"
        case jwt.InvalidSignatureError():
            return "signature: made with another secret than the signing secret of the key"
        case InvalidSubjectError():
            return _SUB
        case _:
            return _NO_JWT


def _check_times(claims: dict[str, object], now: float) -> None:
    issued, expires = _seconds("iat", claims["iat"]), _seconds("exp", claims["exp"])
    starts = _seconds("nbf", claims.get("nbf", issued))
    if expires <= issued:
        raise BadToken("exp: not after iat")
    if expires - issued > MAX_LIFE_SECONDS:
        raise BadToken(f"exp: more than {MAX_LIFE_SECONDS // 60} minutes after iat")
    if expires <= now:
        raise BadToken("exp: it has passed")
    for name, moment in (("iat", issued), ("nbf", starts)):
        if moment > now + LEEWAY_SECONDS:
            raise BadToken(f"{name}: it is in the future")


def _seconds(name: str, value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # The second condition is false for NaN as well.
    if not is_number or not -MAX_SECONDS <= value <= MAX_SECONDS:  # type: ignore[operator]
        raise BadToken(f"{name}: it must be a number of seconds since 1970")
    return float(value)  # type: ignore[arg-type]
