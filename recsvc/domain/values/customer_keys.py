"""The deployment secret and the keys derived from it. Pure: `secret_file` reads the secret.

No customer id enters a model or the name of a Redis key. Both hold a `CustomerKey`: a keyed 128-bit
BLAKE2b hash of the id (RFC 7693). The hash key differs per shop, so records of one person in two
shops cannot be linked.
"""

import hashlib
import hmac
from typing import NewType

from recsvc.domain.errors import BadRequest
from recsvc.domain.values.ids import CustomerId, ShopName

CustomerKey = NewType("CustomerKey", bytes)

CUSTOMER_KEY_BYTES = 16
MIN_SECRET_BYTES = 32


class Secret:
    """The deployment's secret. Only derived keys leave this object."""

    __slots__ = ("_root",)

    def __init__(self, secret: str) -> None:
        encoded = secret.strip().encode()
        if len(encoded) < MIN_SECRET_BYTES:
            raise BadRequest(
                f"the secret is {len(encoded)} bytes long; at least {MIN_SECRET_BYTES} are needed",
                code="secret_too_short",
            )
        self._root = hashlib.blake2b(encoded, digest_size=64).digest()

    def derive(self, use: str) -> bytes:
        """Return the 32-byte key for one use; keys of different uses are independent."""
        return hmac.digest(self._root, use.encode(), "sha256")

    def fingerprint(self) -> str:
        """Return 16 hex digits that identify the secret without revealing it."""
        return self.derive("fingerprint").hex()[:16]

    def __repr__(self) -> str:
        return f"Secret({self.fingerprint()})"


class CustomerHasher:
    """Hashes customer ids of one shop into keys."""

    __slots__ = ("_key",)

    def __init__(self, secret: Secret, shop: ShopName) -> None:
        self._key = secret.derive(f"customer:{shop}")

    def key_of(self, customer: CustomerId) -> CustomerKey:
        digest = hashlib.blake2b(customer.encode(), digest_size=CUSTOMER_KEY_BYTES, key=self._key)
        return CustomerKey(digest.digest())
