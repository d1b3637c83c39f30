"""API keys in the store. Creating and revoking also raise the key epoch, atomically."""

import base64
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, cast

import msgspec
import structlog
from cryptography.fernet import Fernet, InvalidToken

from recsvc.domain.api_keys import (
    ApiKey,
    KeyKind,
    Scope,
    key_id_of,
    key_sha256,
    new_key_text,
)
from recsvc.domain.errors import NotFound, SecretMismatch, StoreUnavailable
from recsvc.domain.values.customer_keys import Secret
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections, store_faults

_log = structlog.get_logger()


class NewKey(NamedTuple):
    """A new key, with its text and signing secret, which are shown only once."""

    text: str
    key: ApiKey
    signing_secret: str | None


@dataclass(frozen=True, slots=True)
class KeySnapshot:
    """All keys of one shop at one epoch, by the SHA-256 of their text."""

    epoch: int
    keys: Mapping[str, ApiKey] = field(repr=False)

    def find(self, sha256: str) -> ApiKey | None:
        """Return the live key with this hash."""
        key = self.keys.get(sha256)
        return key if key is not None and key.is_live else None


class ApiKeyStore:
    def __init__(self, connections: Connections, secret: Secret) -> None:
        self._reads = connections.reads
        self._writes = connections.writes
        self._seal = Fernet(base64.urlsafe_b64encode(secret.derive("signing-secrets")))

    def create(
        self, kind: KeyKind, shop: ShopName, scopes: frozenset[Scope], limit: int | None = None
    ) -> NewKey:
        """Create a key. Only publishable keys have a signing secret; they have no scopes.

        `limit`: requests per minute for a secret key.
        """
        text = new_key_text(kind, shop)
        publishable = kind is KeyKind.PUBLISHABLE
        signing_secret = secrets.token_urlsafe(32) if publishable else None
        key = ApiKey(
            key_id=key_id_of(kind, key_sha256(text)),
            shop=shop,
            kind=kind,
            sha256=key_sha256(text),
            scopes=frozenset() if publishable else scopes,
            created_at_us=self._now_us(),
            sealed_signing_secret=self._sealed(signing_secret),
            limit=limit,
        )
        self._put(key)
        return NewKey(text, key, signing_secret)

    def list(self, shop: ShopName) -> tuple[ApiKey, ...]:
        """Return the shop's keys, revoked ones too, oldest first."""
        with store_faults():
            stored = self._writes.hgetall(redis_keys.api_keys(shop))
        return tuple(
            sorted(
                _decoded(shop, cast("dict[bytes, bytes]", stored)),
                key=lambda key: key.created_at_us,
            )
        )

    def shops(self) -> tuple[ShopName, ...]:
        """Return the shops that have a live key, by name. Scans all key names of the store."""
        with store_faults():
            found = {
                redis_keys.shop_of(name)
                for name in self._writes.scan_iter(match=redis_keys.ANY_API_KEYS, count=1000)
            }
        return tuple(sorted(shop for shop in found if any(key.is_live for key in self.list(shop))))

    def revoke(self, shop: ShopName, key_id: str) -> ApiKey:
        """Revoke the key. The change applies to each request that starts after the return."""
        for key in self.list(shop):
            if key.key_id == key_id:
                break
        else:
            raise NotFound(f"shop {shop} has no key {key_id}")
        if key.is_live:
            key = replace(key, revoked_at_us=self._now_us())
            self._put(key)
        return key

    def snapshot(self, shop: ShopName) -> KeySnapshot:
        """Read all keys and their epoch, with the timeout of a request's reads."""
        with store_faults():
            pipeline = self._reads.pipeline(transaction=True)
            pipeline.hget(redis_keys.epochs(shop), redis_keys.EPOCH_OF_KEYS)
            pipeline.hgetall(redis_keys.api_keys(shop))
            epoch, stored = pipeline.execute()
        try:
            number = int(epoch or 0)
        except ValueError:
            raise StoreUnavailable(f"the key epoch of shop {shop} is unreadable") from None
        return KeySnapshot(number, {key.sha256: key for key in _decoded(shop, stored)})

    def signing_secret(self, key: ApiKey) -> str | None:
        """Decrypt the signing secret of a publishable key; None for a secret key."""
        if key.sealed_signing_secret is None:
            return None
        try:
            return self._seal.decrypt(key.sealed_signing_secret).decode()
        except InvalidToken:
            raise SecretMismatch(
                f"key {key.key_id} was created with another secret; revoke it and create a new one"
            ) from None

    def _sealed(self, signing_secret: str | None) -> str | None:
        if signing_secret is None:
            return None
        return self._seal.encrypt(signing_secret.encode()).decode()

    def _now_us(self) -> int:
        with store_faults():
            seconds, microseconds = self._writes.time()
        return seconds * 1_000_000 + microseconds

    def _put(self, key: ApiKey) -> None:
        with store_faults():
            pipeline = self._writes.pipeline(transaction=True)
            pipeline.hset(redis_keys.api_keys(key.shop), key.sha256, msgspec.json.encode(key))
            pipeline.hincrby(redis_keys.epochs(key.shop), redis_keys.EPOCH_OF_KEYS, 1)
            pipeline.execute()


def _decoded(shop: ShopName, stored: Mapping[bytes, bytes]) -> Iterator[ApiKey]:
    """Yield the readable keys. An unreadable record is logged and grants nothing."""
    for sha256, record in stored.items():
        try:
            key = msgspec.json.decode(record, type=ApiKey)
        except msgspec.DecodeError:
            key = None
        if key is not None and key.shop == shop and key.sha256.encode() == sha256:
            yield key
        else:
            _log.warning("api_key_unreadable", shop=shop)
