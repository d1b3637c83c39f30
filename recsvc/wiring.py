"""Which concrete class stands where. The only module that names them all.

Nothing connects at import. `open_stores` is what a command uses; a worker, whose parent has
joined the embedded server, is given the URL and builds its services with `services_of`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from recsvc.config import Settings, models_root
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.identity import CustomerHasher, Secret
from recsvc.domain.ids import ShopName
from recsvc.model.shelf import ModelShelf
from recsvc.model.versions import Versions
from recsvc.secret_file import open_secret
from recsvc.stores.api_keys import ApiKeyStore
from recsvc.stores.catalogue import CatalogueStore
from recsvc.stores.connection import Connections, connect
from recsvc.stores.consents import ConsentStore
from recsvc.stores.durability import check_durability
from recsvc.stores.embedded import EmbeddedValkey
from recsvc.stores.key_ring import KeyRing
from recsvc.stores.trip import RequestTrip
from recsvc.usecases.consents import ConsentDesk
from recsvc.usecases.entrance import Entrance
from recsvc.usecases.readiness import Readiness
from recsvc.usecases.recommend import Recommender
from recsvc.web.services import Services


@dataclass(frozen=True, slots=True)
class Deployment:
    """The settings and the secret of one data folder. Nothing is started."""

    settings: Settings
    secret: Secret

    def hasher(self, shop: ShopName) -> CustomerHasher:
        return CustomerHasher(self.secret, shop)

    def versions(self, shop: ShopName) -> Versions:
        return Versions(models_root(self.settings), shop)


def open_deployment(environ: Mapping[str, str], data_dir: Path | None) -> Deployment:
    """Read the settings and the secret; for those who may know no more of the service."""
    settings = Settings.from_environment(environ, data_dir)
    return Deployment(settings, open_secret(settings))


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that is kept in one Redis, under one secret."""

    settings: Settings
    secret: Secret
    connections: Connections
    api_keys: ApiKeyStore
    consents: ConsentStore
    catalogue: CatalogueStore

    def hasher(self, shop: ShopName) -> CustomerHasher:
        return CustomerHasher(self.secret, shop)

    def check_durability(self) -> None:
        """Raise NotDurable unless the store keeps what it acknowledges."""
        check_durability(self.connections.writes, self.settings)


def stores_at(settings: Settings, url: str) -> Stores:
    """Return the stores of a running server; nothing connects yet."""
    secret = open_secret(settings)
    connections = connect(settings, url)
    return Stores(
        settings=settings,
        secret=secret,
        connections=connections,
        api_keys=ApiKeyStore(connections, secret),
        consents=ConsentStore(connections),
        catalogue=CatalogueStore(connections),
    )


@contextmanager
def running_store(settings: Settings, *, supervised: bool = False) -> Iterator[str]:
    """Give the URL of the store: RECSVC_REDIS_URL, or the embedded server joined meanwhile.

    `supervised`: an embedded server that dies is restarted for as long as this lasts.
    """
    if settings.redis_url is not None:
        yield settings.redis_url
        return
    with EmbeddedValkey(settings.data_dir) as embedded:
        if supervised:
            embedded.supervise()
        yield embedded.url


@contextmanager
def open_stores(settings: Settings) -> Iterator[Stores]:
    """Give the stores for the length of one command."""
    with running_store(settings) as url:
        stores = stores_at(settings, url)
        try:
            yield stores
        finally:
            stores.connections.close()


def open_shelf(settings: Settings, secret: Secret) -> ModelShelf:
    """Return the shelf of all shops' models, empty until it is told to look."""
    return ModelShelf(models_root(settings), secret.fingerprint())


def services_of(stores: Stores, shelf: ModelShelf, shops: Sequence[ShopName]) -> Services:
    """Return what the web layer calls. `shops`: those that readiness is judged by."""
    trip = RequestTrip(stores.connections)
    key_ring = KeyRing(stores.api_keys)
    preload(key_ring, shops)
    return Services(
        settings=stores.settings,
        entrance=Entrance(trip, key_ring, stores.api_keys, stores.secret, utc_now),
        recommender=Recommender(shelf),
        consents=ConsentDesk(stores.consents),
        readiness=Readiness(trip, shelf, shops),
    )


def preload(key_ring: KeyRing, shops: Sequence[ShopName]) -> None:
    """Let keys be judged in an outage from now on; in one already, the first trip will."""
    try:
        key_ring.preload(shops)
    except StoreUnavailable:
        return


def utc_now() -> datetime:
    return datetime.now(UTC)
