"""Ids of decisions that only this service can have made, each for one customer or for everybody.

Whether an id is ours, and what was offered with it, is told by the id itself: a UUID (version 7,
RFC 9562), a keyed hash, and a tag for each offer; the hash is of all that and of whom it is for. So
it needs no record, and nobody can make up one, use another's, or use it for another offer (but one
in 65,536 that happens to have the same tag as one that was offered). For everybody the UUID is the
day alone, so that who is offered the same has the same id, and no answer differs by it.
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

LIFE_DAYS = 7  # of an id: what it shows counts for as long
MAX_DECISION_ID_LENGTH = 300  # with the tags of 100 offers it has 299 characters

_UUID_BYTES = 16
_TIME_BYTES = 6  # of a UUID: milliseconds since 1970
_SIGNATURE_BYTES = 8
_TAG_BYTES = 2
_TAGS_FROM = _UUID_BYTES + _SIGNATURE_BYTES
_DAY_MS = 86_400_000
_DAY_US = 1000 * _DAY_MS
_LIFE_MS = LIFE_DAYS * _DAY_MS
_LEEWAY_MS = 60_000  # the clocks of two machines differ
_CACHED_SHOPS = 64


class DecisionIdSigner:
    """Makes and recognises the ids of one shop."""

    __slots__ = ("_key", "_key_of_tags")

    def __init__(self, secret: Secret, shop: ShopName) -> None:
        self._key = secret.derive(f"decisions:{shop}")
        self._key_of_tags = secret.derive(f"decision-offers:{shop}")

    def tag(self, offer: OfferId) -> bytes:
        """Return what stands for an offer in an id."""
        key = self._key_of_tags
        return hashlib.blake2b(offer.encode(), digest_size=_TAG_BYTES, key=key).digest()

    def sign(self, uuid7: bytes, customer: CustomerKey | None, tags: bytes = b"") -> DecisionId:
        """Return the id of a decision for the customer; None: the same for everybody.

        `tags`: those of what is offered, one behind the other.
        """
        return _encode(uuid7 + self._mark(uuid7, customer, tags) + tags)

    def sign_generic(self, now_us: int, tags: bytes) -> DecisionId:
        """Return the id of what is offered to nobody in particular: one and the same all day, UTC.

        It is spent by each who was shown it, not by the first: see `use_id`.
        """
        midnight_ms = now_us // _DAY_US * _DAY_MS
        day = midnight_ms.to_bytes(_TIME_BYTES).ljust(_UUID_BYTES, b"\0")
        return self.sign(day, None, tags)

    def use_id(self, what: str, user: str) -> str:
        """Return what stands for one use, by an event or a customer, of what has no id to spend."""
        said = f"{what} {user}".encode()
        return hashlib.blake2b(said, digest_size=_UUID_BYTES, key=self._key).hexdigest()

    def verify(self, text: str, offer: OfferId, customer: CustomerKey | None, now_us: int) -> bool:
        """Whether we have made this id for this customer, with this offer, within its life."""
        sealed = _decode(text)
        uuid7, tags = sealed[:_UUID_BYTES], sealed[_TAGS_FROM:]
        mark = sealed[_UUID_BYTES:_TAGS_FROM]
        if not hmac.compare_digest(mark, self._mark(uuid7, customer, tags)):
            return False
        age_ms = (now_us - made_at_us(text)) // 1000
        return -_LEEWAY_MS <= age_ms < _LIFE_MS and self.tag(offer) in _split_tags(tags)

    def _mark(self, uuid7: bytes, customer: CustomerKey | None, tags: bytes) -> bytes:
        # Of known lengths, so that no tags are read as a customer.
        whose = b"\0" if customer is None else b"\1" + customer
        said = uuid7 + whose + tags
        return hashlib.blake2b(said, digest_size=_SIGNATURE_BYTES, key=self._key).digest()


def decision_id_signers(secret: Secret) -> Callable[[ShopName], DecisionIdSigner]:
    """Return what gives the seal of each shop."""
    return lru_cache(_CACHED_SHOPS)(partial(DecisionIdSigner, secret))


def made_at_us(text: str) -> int:
    """Return when an id of ours was made, in microseconds since 1970."""
    return int.from_bytes(urlsafe_b64decode(text[:8])) * 1000  # its _MOMENT_BYTES


def _encode(sealed: bytes) -> DecisionId:
    return DecisionId(urlsafe_b64encode(sealed).rstrip(b"=").decode())


def _decode(text: str) -> bytes:
    """Return what the text stands for; nothing if it is not the one spelling of something."""
    if len(text) > MAX_DECISION_ID_LENGTH:
        return b""
    try:
        sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
    return sealed if _encode(sealed) == text else b""  # or it were spent once for each spelling


def _split_tags(tags: bytes) -> list[bytes]:
    return [tags[place : place + _TAG_BYTES] for place in range(0, len(tags), _TAG_BYTES)]
