"""A worker's catalogue follows the store, and says so when it cannot."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from recsvc.domain.catalogue import CatalogueItem
from recsvc.domain.ids import ItemId, ShopName
from recsvc.model.assortment import Assortment
from recsvc.model.loaded import LoadedModel
from recsvc.model.loader import load
from recsvc.stores import redis_keys
from recsvc.stores.catalogue import CatalogueStore
from recsvc.stores.connection import Connections
from recsvc.usecases.live_catalogue import LiveCatalogues, Now
from tests.model_builders import FINGERPRINT, SHOP, fruit_shop, published

HIDDEN = CatalogueItem(ItemId("apple"), hidden=True)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return load(published(tmp_path_factory.mktemp("models")), shop=SHOP, fingerprint=FINGERPRINT)


@pytest.fixture
def catalogues(connections: Connections) -> LiveCatalogues:
    return LiveCatalogues(CatalogueStore(connections), lambda: 0, wait_seconds=5)


def test_it_catches_up_by_the_epoch(
    catalogues: LiveCatalogues, connections: Connections, shop: ShopName, model: LoadedModel
) -> None:
    """Hidden, shown, hidden again: each epoch is followed; a new model takes it over."""
    store = CatalogueStore(connections)
    found = []
    for epoch in range(1, 6):
        store.put_many(shop, [CatalogueItem(ItemId("apple"), hidden=epoch % 2 == 1)])
        now = catalogues.at(shop, epoch, model)
        found.append((now.is_current, set(now.assortment.withheld)))

    assert found == [(True, {0}), (True, set()), (True, {0}), (True, set()), (True, {0})]


def test_another_model_is_joined_anew(
    catalogues: LiveCatalogues,
    connections: Connections,
    shop: ShopName,
    model: LoadedModel,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """The same catalogue over other rows."""
    CatalogueStore(connections).put_many(shop, [HIDDEN])
    folder = published(tmp_path_factory.mktemp("other"), fruit_shop(first="aardvark"))
    other = load(folder, shop=SHOP, fingerprint=FINGERPRINT)

    held = [catalogues.at(shop, 1, each).assortment for each in (model, other, model)]

    assert [each.withheld for each in held] == [{0}, {4}, {0}]


def test_while_a_new_model_is_joined_the_old_one_answers(
    catalogues: LiveCatalogues,
    connections: Connections,
    shop: ShopName,
    model: LoadedModel,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A swap makes nobody wait but the request that joins."""
    CatalogueStore(connections).put_many(shop, [HIDDEN])
    folder = published(tmp_path_factory.mktemp("other"), fruit_shop(first="aardvark"))
    other = load(folder, shop=SHOP, fingerprint=FINGERPRINT)
    catalogues.at(shop, 1, model)
    meanwhile: list[Now] = []

    def join(*arguments: Any) -> Assortment:
        with ThreadPoolExecutor(1) as pool:
            meanwhile.append(pool.submit(catalogues.at, shop, 1, other).result())
        return Assortment(*arguments)

    monkeypatch.setattr("recsvc.usecases.live_catalogue.Assortment", join)
    joined = catalogues.at(shop, 1, other)

    assert [(now.assortment.model, now.is_current) for now in (*meanwhile, joined)] == [
        (model, True),
        (other, True),
    ]


def test_a_catalogue_that_cannot_be_read_is_not_current(
    catalogues: LiveCatalogues, connections: Connections, shop: ShopName, model: LoadedModel
) -> None:
    """The last word is used, and the answer must be that of an outage."""
    CatalogueStore(connections).put_many(shop, [HIDDEN])
    catalogues.preload([shop])
    connections.writes.delete(redis_keys.items(shop), redis_keys.items_log(shop))
    connections.writes.set(redis_keys.items(shop), "spoilt")
    connections.writes.hset(redis_keys.epochs(shop), "catalogue", 2)

    behind, away = catalogues.at(shop, 2, model), catalogues.at(shop, None, model)

    assert [(each.is_current, each.assortment.withheld) for each in (behind, away)] == [
        (False, {0}),
        (False, {0}),
    ]
