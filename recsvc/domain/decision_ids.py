"""Ids of decisions that only this service can have made, each for one customer or for everybody.

Whether an id is ours is told by the id itself: a UUID (version 7, RFC 9562) and a keyed hash of
it and of whom it is for. So it needs no record, and nobody can make up one, or use another's.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NewType

from recsvc.domain.identity import CustomerKey, Secret
from recsvc.domain.ids import ShopName

DecisionId = NewType("DecisionId", str)

LIFE_DAYS = 7  # of an id: what it shows counts for as long

_UUID_BYTES = 16
_MARK_BYTES = 8
_TEXT_LENGTH = 32
_LIFE_MS = LIFE_DAYS * 86_400_000
_LEEWAY_MS = 60_000  # the clocks of two machines differ


class DecisionSeal:
    """Makes and recognises the ids of one shop."""

    __slots__ = ("_key",)

    def __init__(self, secret: Secret, shop: ShopName) -> None:
        self._key = secret.derive(f"decisions:{shop}")

    def make(self, uuid7: bytes, customer: CustomerKey | None) -> DecisionId:
        """Return the id of a decision for the customer; None: the same for everybody."""
        return DecisionId(urlsafe_b64encode(uuid7 + self._mark(uuid7, customer)).decode())

    def is_ours(self, text: str, customer: CustomerKey | None, now_us: int) -> bool:
        """Whether we have made this id for this customer, within its life."""
        if len(text) != _TEXT_LENGTH:
            return False
        try:
            sealed = urlsafe_b64decode(text)
        except ValueError:
            return False
        uuid7, mark = sealed[:_UUID_BYTES], sealed[_UUID_BYTES:]
        if not hmac.compare_digest(mark, self._mark(uuid7, customer)):
            return False
        age_ms = (now_us - made_at_us(text)) // 1000
        return -_LEEWAY_MS <= age_ms < _LIFE_MS

    def _mark(self, uuid7: bytes, customer: CustomerKey | None) -> bytes:
        whose = b"" if customer is None else customer
        return hashlib.blake2b(uuid7 + whose, digest_size=_MARK_BYTES, key=self._key).digest()


def made_at_us(text: str) -> int:
    """Return when an id of ours was made, in microseconds since 1970."""
    return int.from_bytes(urlsafe_b64decode(text)[:6]) * 1000  # the first 48 bits of the UUID
