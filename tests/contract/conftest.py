"""One shared grocery for tests that change nothing, and a new one for each test that does."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from recsvc.config import Settings
from recsvc.domain.values.ids import ShopName
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.wiring.stores import Stores, stores_at
from tests.contract.grocery import Service, publish_grocery


@pytest.fixture(scope="session")
def stores(valkey: EmbeddedValkey, settings: Settings) -> Iterator[Stores]:
    opened = stores_at(settings, valkey.url)
    yield opened
    opened.connections.close()


@pytest.fixture(scope="session")
def grocery_service(stores: Stores) -> Service:
    """The grocery shared by all read-only tests: no customer has consented to anything."""
    shop = ShopName(f"grocery-{uuid4().hex[:12]}")
    publish_grocery(stores, shop)
    return Service(stores, shop)


@pytest.fixture
def service(stores: Stores, shop: ShopName) -> Service:
    """A grocery for one test alone."""
    publish_grocery(stores, shop)
    return Service(stores, shop)


@pytest.fixture
def bare_service(stores: Stores, shop: ShopName) -> Service:
    """A shop without a model."""
    return Service(stores, shop)
