"""API keys in the store: stored without their text, and revoked with immediate effect."""

import pytest

from recsvc.domain.api_keys import ALL_SCOPES, KeyKind, Scope, key_sha256, new_key_text
from recsvc.domain.errors import NotFound, SecretMismatch, StoreUnavailable
from recsvc.domain.values.customer_keys import Secret
from recsvc.domain.values.ids import ShopName
from recsvc.stores.api_key_cache import ApiKeyCache
from recsvc.stores.api_keys import ApiKeyStore
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections
from recsvc.stores.request_read import NO_REPLY, RequestRead

SCOPES = frozenset({Scope.RECOMMEND, Scope.CONSENT})


@pytest.fixture
def store(connections: Connections, secret: Secret) -> ApiKeyStore:
    return ApiKeyStore(connections, secret)


@pytest.fixture
def request_read(connections: Connections) -> RequestRead:
    return RequestRead(connections)


@pytest.fixture
def key_cache(store: ApiKeyStore) -> ApiKeyCache:
    return ApiKeyCache(store)


def test_keys_are_listed_by_age(store: ApiKeyStore, shop: ShopName) -> None:
    """The list has all keys, revoked ones too, oldest first."""
    first = store.create(KeyKind.SECRET, shop, SCOPES).key
    second = store.create(KeyKind.PUBLISHABLE, shop, frozenset()).key
    revoked = store.revoke(shop, first.key_id)

    assert (revoked, second) == store.list(shop)


def test_the_store_holds_neither_texts_nor_signing_secrets(
    store: ApiKeyStore, connections: Connections, shop: ShopName
) -> None:
    """A key record contains neither the key's text nor its plain signing secret."""
    created = store.create(KeyKind.PUBLISHABLE, shop, frozenset())
    [(sha256, record)] = connections.writes.hgetall(redis_keys.api_keys(shop)).items()

    assert sha256.decode() == key_sha256(created.text)
    assert created.text.encode() not in record
    assert created.signing_secret.encode() not in record
    assert store.signing_secret(created.key) == created.signing_secret


def test_a_publishable_key_has_no_scopes(store: ApiKeyStore, shop: ShopName) -> None:
    """A publishable key is created without scopes, whatever is requested."""
    assert not store.create(KeyKind.PUBLISHABLE, shop, ALL_SCOPES).key.scopes


def test_a_secret_key_has_no_signing_secret(store: ApiKeyStore, shop: ShopName) -> None:
    """A secret key has no signing secret."""
    created = store.create(KeyKind.SECRET, shop, SCOPES)

    assert created.signing_secret is None
    assert store.signing_secret(created.key) is None


def test_another_deployments_signing_secret_cannot_be_decrypted(
    store: ApiKeyStore, connections: Connections, shop: ShopName
) -> None:
    """A signing secret sealed with another secret raises an error that says how to repair it."""
    created = store.create(KeyKind.PUBLISHABLE, shop, frozenset())
    elsewhere = ApiKeyStore(connections, Secret("another secret, just as long as that"))
    with pytest.raises(SecretMismatch, match="create a new one"):
        elsewhere.signing_secret(created.key)


def test_revoking_an_unknown_key_is_not_found(store: ApiKeyStore, shop: ShopName) -> None:
    """The revocation of an unknown key id raises NotFound."""
    with pytest.raises(NotFound):
        store.revoke(shop, "sk-0000000000000000")


def test_revoking_twice_keeps_the_first_time(store: ApiKeyStore, shop: ShopName) -> None:
    """A second revocation does not change the time of the first."""
    key_id = store.create(KeyKind.SECRET, shop, SCOPES).key.key_id

    assert store.revoke(shop, key_id) == store.revoke(shop, key_id)


@pytest.mark.parametrize("record", [b"", b"{}", b"null", b"\xff", b'{"key_id": 1}'])
def test_an_unreadable_record_is_skipped(
    store: ApiKeyStore, connections: Connections, shop: ShopName, record: bytes
) -> None:
    """An unreadable key record is skipped, and the other keys still work."""
    good = store.create(KeyKind.SECRET, shop, SCOPES).key
    connections.writes.hset(redis_keys.api_keys(shop), key_sha256("sk_x"), record)

    assert (good,) == store.list(shop)


def test_a_record_copied_to_another_shop_is_skipped(
    store: ApiKeyStore, connections: Connections, shop: ShopName
) -> None:
    """A key record copied to another shop is not a key of that shop."""
    created = store.create(KeyKind.SECRET, shop, SCOPES)
    other = ShopName(f"{shop}-b")
    record = connections.writes.hget(redis_keys.api_keys(shop), created.key.sha256)
    connections.writes.hset(redis_keys.api_keys(other), created.key.sha256, record)

    assert store.list(other) == ()


def test_a_new_key_is_accepted_by_the_next_request(
    store: ApiKeyStore, request_read: RequestRead, key_cache: ApiKeyCache, shop: ShopName
) -> None:
    """A new key is accepted by workers with and without a snapshot of the shop."""
    for _ in range(2):
        created = store.create(KeyKind.SECRET, shop, SCOPES)

        authentication = key_cache.authenticate(created.text, request_read.read(shop, None))

        assert created.key == authentication.key


def test_a_revoked_key_is_refused_by_the_next_request(
    store: ApiKeyStore, request_read: RequestRead, key_cache: ApiKeyCache, shop: ShopName
) -> None:
    """A revoked key is refused by each request that starts after the acknowledgement."""
    created = store.create(KeyKind.SECRET, shop, SCOPES)
    key_cache.authenticate(created.text, request_read.read(shop, None))
    store.revoke(shop, created.key.key_id)

    assert key_cache.authenticate(created.text, request_read.read(shop, None)).key is None


def test_an_unknown_key_is_not_authenticated(
    store: ApiKeyStore, request_read: RequestRead, key_cache: ApiKeyCache, shop: ShopName
) -> None:
    """A well-formed key that was never created is not authenticated."""
    store.create(KeyKind.SECRET, shop, SCOPES)
    forged = new_key_text(KeyKind.SECRET, shop)

    assert key_cache.authenticate(forged, request_read.read(shop, None)).key is None
    assert key_cache.authenticate("Bearer of bad news", NO_REPLY).key is None


def test_in_an_outage_the_last_snapshot_is_used(store: ApiKeyStore, shop: ShopName) -> None:
    """In an outage the last snapshot accepts known keys and refuses unknown ones."""
    created = store.create(KeyKind.SECRET, shop, SCOPES)
    key_cache = ApiKeyCache(store)
    key_cache.preload([shop])

    assert created.key == key_cache.authenticate(created.text, NO_REPLY).key
    assert key_cache.authenticate(new_key_text(KeyKind.SECRET, shop), NO_REPLY).key is None


def test_without_a_snapshot_keys_are_unavailable(key_cache: ApiKeyCache, shop: ShopName) -> None:
    """In an outage without a snapshot, authentication raises StoreUnavailable."""
    with pytest.raises(StoreUnavailable):
        key_cache.authenticate(new_key_text(KeyKind.SECRET, shop), NO_REPLY)


def test_a_key_that_may_have_been_revoked_gets_an_empty_reply(
    store: ApiKeyStore,
    connections: Connections,
    request_read: RequestRead,
    key_cache: ApiKeyCache,
    shop: ShopName,
) -> None:
    """If the new key records are unreadable, the old snapshot is used with an empty reply."""
    created = store.create(KeyKind.SECRET, shop, SCOPES)
    key_cache.preload([shop])
    connections.writes.set(redis_keys.api_keys(shop), "spoilt")
    connections.writes.hincrby(redis_keys.epochs(shop), redis_keys.EPOCH_OF_KEYS, 1)
    authentication = key_cache.authenticate(created.text, request_read.read(shop, None))

    assert (created.key, NO_REPLY) == (authentication.key, authentication.reply)


def test_an_unreadable_epoch_makes_the_store_unavailable(
    store: ApiKeyStore, connections: Connections, shop: ShopName
) -> None:
    """An unreadable key epoch raises StoreUnavailable."""
    store.create(KeyKind.SECRET, shop, SCOPES)
    connections.writes.hset(redis_keys.epochs(shop), redis_keys.EPOCH_OF_KEYS, "many")
    with pytest.raises(StoreUnavailable):
        store.snapshot(shop)


def test_a_wiped_store_has_no_keys(
    store: ApiKeyStore,
    connections: Connections,
    request_read: RequestRead,
    key_cache: ApiKeyCache,
    shop: ShopName,
) -> None:
    """After the store was wiped, a worker refuses the keys of its old snapshot."""
    created = store.create(KeyKind.SECRET, shop, SCOPES)
    key_cache.preload([shop])
    connections.writes.delete(redis_keys.api_keys(shop), redis_keys.epochs(shop))

    assert key_cache.authenticate(created.text, request_read.read(shop, None)).key is None


def test_unknown_shops_are_not_cached(key_cache: ApiKeyCache, request_read: RequestRead) -> None:
    """Requests that name unknown shops do not grow the cache."""
    forged = [new_key_text(KeyKind.SECRET, ShopName(f"invented-{number}")) for number in range(20)]
    for text in forged:
        key_cache.authenticate(text, request_read.read(ShopName("invented"), None))
    key_cache.preload([ShopName("invented-0")])

    for text in forged:
        with pytest.raises(StoreUnavailable):
            key_cache.authenticate(text, NO_REPLY)
