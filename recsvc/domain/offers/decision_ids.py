"""Signed ids of offer decisions: unforgeable, for one customer or for all, and stateless.

An id is a UUID (version 7, RFC 9562), a keyed hash, and a two-byte tag per offered offer. The hash
covers the UUID, the customer and the tags. So an id is verified without a record, and a client
cannot forge one, use another customer's, or use it for an offer that it does not contain (except
one in 65,536 with the same tag). In the id of a generic decision the UUID is the date alone, so
that equal generic answers have equal ids.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from functools import lru_cache, partial
from typing import NewType

from recsvc.domain.values.customer_keys import CustomerKey, Secret
from recsvc.domain.values.ids import OfferId, ShopName

DecisionId = NewType("DecisionId", str)

LIFE_DAYS = 7  # an impression or acceptance counts until its decision is this old
MAX_DECISION_ID_LENGTH = 300  # with the tags of 100 offers an id has 299 characters

_UUID_BYTES = 16
_TIME_BYTES = 6  # of a UUID: milliseconds since 1970
_SIGNATURE_BYTES = 8
_TAG_BYTES = 2
_TAGS_FROM = _UUID_BYTES + _SIGNATURE_BYTES
_DAY_MS = 86_400_000
_DAY_US = 1000 * _DAY_MS
_LIFE_MS = LIFE_DAYS * _DAY_MS
_LEEWAY_MS = 60_000  # clock skew between machines
_CACHED_SHOPS = 64


class DecisionIdSigner:
    """Signs and verifies the decision ids of one shop."""

    __slots__ = ("_key", "_key_of_tags")

    def __init__(self, secret: Secret, shop: ShopName) -> None:
        self._key = secret.derive(f"decisions:{shop}")
        self._key_of_tags = secret.derive(f"decision-offers:{shop}")

    def tag(self, offer: OfferId) -> bytes:
        """Return the tag that represents an offer in an id."""
        key = self._key_of_tags
        return hashlib.blake2b(offer.encode(), digest_size=_TAG_BYTES, key=key).digest()

    def sign(self, uuid7: bytes, customer: CustomerKey | None, tags: bytes = b"") -> DecisionId:
        """Return the id of a decision. `customer` None: a generic one. `tags`: concatenated."""
        return _encode(uuid7 + self._signature(uuid7, customer, tags) + tags)

    def sign_generic(self, now_us: int, tags: bytes) -> DecisionId:
        """Return the id of a generic decision: the same for the whole UTC day.

        Many customers receive it, so it counts once per user, not once in total: see `use_id`.
        """
        midnight_ms = now_us // _DAY_US * _DAY_MS
        day = midnight_ms.to_bytes(_TIME_BYTES).ljust(_UUID_BYTES, b"\0")
        return self.sign(day, None, tags)

    def use_id(self, subject: str, user: str) -> str:
        """Return an id under which one user's use of a shared subject is counted once."""
        message = f"{subject} {user}".encode()
        return hashlib.blake2b(message, digest_size=_UUID_BYTES, key=self._key).hexdigest()

    def verify(self, text: str, offer: OfferId, customer: CustomerKey | None, now_us: int) -> bool:
        """Return whether this service signed the id for the customer and offer in its lifetime."""
        decoded = _decode(text)
        uuid7, tags = decoded[:_UUID_BYTES], decoded[_TAGS_FROM:]
        signature = decoded[_UUID_BYTES:_TAGS_FROM]
        if not hmac.compare_digest(signature, self._signature(uuid7, customer, tags)):
            return False
        age_ms = (now_us - made_at_us(text)) // 1000
        return -_LEEWAY_MS <= age_ms < _LIFE_MS and self.tag(offer) in _split_tags(tags)

    def _signature(self, uuid7: bytes, customer: CustomerKey | None, tags: bytes) -> bytes:
        # The prefix fixes the customer's length, so that tags cannot pass as a customer.
        holder = b"\0" if customer is None else b"\1" + customer
        message = uuid7 + holder + tags
        return hashlib.blake2b(message, digest_size=_SIGNATURE_BYTES, key=self._key).digest()


def decision_id_signers(secret: Secret) -> Callable[[ShopName], DecisionIdSigner]:
    """Return a cached function from shop to its signer."""
    return lru_cache(_CACHED_SHOPS)(partial(DecisionIdSigner, secret))


def made_at_us(text: str) -> int:
    """Return when a verified id was signed, in microseconds since 1970."""
    return int.from_bytes(urlsafe_b64decode(text[:8])) * 1000  # its _MOMENT_BYTES


def _encode(decoded: bytes) -> DecisionId:
    return DecisionId(urlsafe_b64encode(decoded).rstrip(b"=").decode())


def _decode(text: str) -> bytes:
    """Decode an id; return no bytes unless the text is its canonical encoding."""
    if len(text) > MAX_DECISION_ID_LENGTH:
        return b""
    try:
        decoded = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
    return decoded if _encode(decoded) == text else b""  # else each spelling would count once


def _split_tags(tags: bytes) -> list[bytes]:
    return [tags[start : start + _TAG_BYTES] for start in range(0, len(tags), _TAG_BYTES)]
