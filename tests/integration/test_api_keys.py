"""API keys: kept without their text, revoked for every request after the acknowledgement."""

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


def test_a_made_key_is_listed(store: ApiKeyStore, shop: ShopName) -> None:
    """Oldest first, revoked ones too."""
    first = store.create(KeyKind.SECRET, shop, SCOPES).key
    second = store.create(KeyKind.PUBLISHABLE, shop, frozenset()).key
    revoked = store.revoke(shop, first.key_id)

    assert (revoked, second) == store.list(shop)


def test_the_store_holds_neither_texts_nor_signing_secrets(
    store: ApiKeyStore, connections: Connections, shop: ShopName
) -> None:
    """A stolen copy of the data opens nothing."""
    made = store.create(KeyKind.PUBLISHABLE, shop, frozenset())
    [(sha256, record)] = connections.writes.hgetall(redis_keys.api_keys(shop)).items()

    assert sha256.decode() == key_sha256(made.text)
    assert made.text.encode() not in record
    assert made.signing_secret.encode() not in record
    assert store.signing_secret(made.key) == made.signing_secret


def test_a_publishable_key_has_no_scopes(store: ApiKeyStore, shop: ShopName) -> None:
    """Scopes are for keys that never leave the server."""
    assert not store.create(KeyKind.PUBLISHABLE, shop, ALL_SCOPES).key.scopes


def test_a_secret_key_has_no_signing_secret(store: ApiKeyStore, shop: ShopName) -> None:
    """It signs nothing."""
    made = store.create(KeyKind.SECRET, shop, SCOPES)

    assert made.signing_secret is None
    assert store.signing_secret(made.key) is None


def test_another_deployments_signing_secret_does_not_open(
    store: ApiKeyStore, connections: Connections, shop: ShopName
) -> None:
    """The error says what to do."""
    made = store.create(KeyKind.PUBLISHABLE, shop, frozenset())
    elsewhere = ApiKeyStore(connections, Secret("another secret, just as long as that"))
    with pytest.raises(SecretMismatch, match="create a new one"):
        elsewhere.signing_secret(made.key)


def test_revoking_an_unknown_key_is_not_found(store: ApiKeyStore, shop: ShopName) -> None:
    """A slip of the pen is not a success."""
    with pytest.raises(NotFound):
        store.revoke(shop, "sk-0000000000000000")


def test_revoking_twice_keeps_the_first_time(store: ApiKeyStore, shop: ShopName) -> None:
    """When it ended is when it ended."""
    key_id = store.create(KeyKind.SECRET, shop, SCOPES).key.key_id

    assert store.revoke(shop, key_id) == store.revoke(shop, key_id)


@pytest.mark.parametrize("record", [b"", b"{}", b"null", b"\xff", b'{"key_id": 1}'])
def test_an_unreadable_record_opens_nothing(
    store: ApiKeyStore, connections: Connections, shop: ShopName, record: bytes
) -> None:
    """And does not get in the way of the others."""
    good = store.create(KeyKind.SECRET, shop, SCOPES).key
    connections.writes.hset(redis_keys.api_keys(shop), key_sha256("sk_x"), record)

    assert (good,) == store.list(shop)


def test_a_record_moved_to_another_shop_opens_nothing(
    store: ApiKeyStore, connections: Connections, shop: ShopName
) -> None:
    """A key is for the shop it was made for."""
    made = store.create(KeyKind.SECRET, shop, SCOPES)
    other = ShopName(f"{shop}-b")
    record = connections.writes.hget(redis_keys.api_keys(shop), made.key.sha256)
    connections.writes.hset(redis_keys.api_keys(other), made.key.sha256, record)

    assert store.list(other) == ()


def test_a_new_key_counts_for_the_next_request(
    store: ApiKeyStore, request_read: RequestRead, key_cache: ApiKeyCache, shop: ShopName
) -> None:
    """On workers that have seen the shop before, and on those that have not."""
    for _ in range(2):
        made = store.create(KeyKind.SECRET, shop, SCOPES)

        assert made.key == key_cache.authenticate(made.text, request_read.read(shop, None)).key


def test_a_revoked_key_counts_no_more(
    store: ApiKeyStore, request_read: RequestRead, key_cache: ApiKeyCache, shop: ShopName
) -> None:
    """For every request that starts after the acknowledgement."""
    made = store.create(KeyKind.SECRET, shop, SCOPES)
    key_cache.authenticate(made.text, request_read.read(shop, None))
    store.revoke(shop, made.key.key_id)

    assert key_cache.authenticate(made.text, request_read.read(shop, None)).key is None


def test_a_key_that_was_never_made_is_nobodys(
    store: ApiKeyStore, request_read: RequestRead, key_cache: ApiKeyCache, shop: ShopName
) -> None:
    """Naming a shop proves nothing."""
    store.create(KeyKind.SECRET, shop, SCOPES)
    forged = new_key_text(KeyKind.SECRET, shop)

    assert key_cache.authenticate(forged, request_read.read(shop, None)).key is None
    assert key_cache.authenticate("Bearer of bad news", NO_REPLY).key is None


def test_in_an_outage_the_last_snapshot_judges(store: ApiKeyStore, shop: ShopName) -> None:
    """Good keys go on being good, and bad ones bad."""
    made = store.create(KeyKind.SECRET, shop, SCOPES)
    key_cache = ApiKeyCache(store)
    key_cache.preload([shop])

    assert made.key == key_cache.authenticate(made.text, NO_REPLY).key
    assert key_cache.authenticate(new_key_text(KeyKind.SECRET, shop), NO_REPLY).key is None


def test_without_a_snapshot_nothing_can_be_judged(key_cache: ApiKeyCache, shop: ShopName) -> None:
    """That is said as what it is: the store is away, not the key wrong."""
    with pytest.raises(StoreUnavailable):
        key_cache.authenticate(new_key_text(KeyKind.SECRET, shop), NO_REPLY)


def test_a_key_that_may_have_been_revoked_gets_an_empty_reply(
    store: ApiKeyStore,
    connections: Connections,
    request_read: RequestRead,
    key_cache: ApiKeyCache,
    shop: ShopName,
) -> None:
    """Key records that cannot be read: anonymous answers, no writes."""
    made = store.create(KeyKind.SECRET, shop, SCOPES)
    key_cache.preload([shop])
    connections.writes.set(redis_keys.api_keys(shop), "spoilt")
    connections.writes.hincrby(redis_keys.epochs(shop), redis_keys.EPOCH_OF_KEYS, 1)
    authentication = key_cache.authenticate(made.text, request_read.read(shop, None))

    assert (made.key, NO_REPLY) == (authentication.key, authentication.reply)


def test_a_spoilt_epoch_is_a_store_that_is_away(
    store: ApiKeyStore, connections: Connections, shop: ShopName
) -> None:
    """Nobody could say whether the keys are current."""
    store.create(KeyKind.SECRET, shop, SCOPES)
    connections.writes.hset(redis_keys.epochs(shop), redis_keys.EPOCH_OF_KEYS, "many")
    with pytest.raises(StoreUnavailable):
        store.snapshot(shop)


def test_a_wiped_store_knows_no_keys(
    store: ApiKeyStore,
    connections: Connections,
    request_read: RequestRead,
    key_cache: ApiKeyCache,
    shop: ShopName,
) -> None:
    """A worker's memory is not a second store."""
    made = store.create(KeyKind.SECRET, shop, SCOPES)
    key_cache.preload([shop])
    connections.writes.delete(redis_keys.api_keys(shop), redis_keys.epochs(shop))

    assert key_cache.authenticate(made.text, request_read.read(shop, None)).key is None


def test_invented_shops_leave_nothing_behind(
    key_cache: ApiKeyCache, request_read: RequestRead
) -> None:
    """Callers can name any shop; a worker's memory must not grow with that."""
    forged = [new_key_text(KeyKind.SECRET, ShopName(f"invented-{number}")) for number in range(20)]
    for text in forged:
        key_cache.authenticate(text, request_read.read(ShopName("invented"), None))
    key_cache.preload([ShopName("invented-0")])

    for text in forged:
        with pytest.raises(StoreUnavailable):
            key_cache.authenticate(text, NO_REPLY)
