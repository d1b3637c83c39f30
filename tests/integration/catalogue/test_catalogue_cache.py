"""A worker's catalogue follows the store and the model, and reports when it cannot."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.domain.values.ids import ItemId, ShopName
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.registry.loaded import LoadedModel
from recsvc.model.registry.loader import load
from recsvc.stores.catalogue.change_log import FEW_ENTRIES
from recsvc.stores.catalogue.items import CatalogueChanges, CatalogueStore
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections
from recsvc.usecases.catalogue.catalogue_cache import CatalogueCache, CatalogueSnapshot
from tests.e2e.processes import eventually
from tests.model_builders import FINGERPRINT, SHOP, fruit_shop, published

HIDDEN = CatalogueItem(ItemId("apple"), hidden=True)
SHOWN = CatalogueItem(ItemId("apple"))


class SlowStore(CatalogueStore):
    """A store with hooks before and after a read of the whole catalogue."""

    def __init__(self, connections: Connections) -> None:
        super().__init__(connections)
        self.readings = 0
        self.before: Callable[[], object] = lambda: None
        self.after: Callable[[], object] = lambda: None

    def whole(self, shop: ShopName) -> CatalogueChanges:
        self.readings += 1
        self.before()
        found = super().whole(shop)
        self.after()
        return found


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return load(published(tmp_path_factory.mktemp("models")), shop=SHOP, fingerprint=FINGERPRINT)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """Return another model, in which the same items have other rows."""
    folder = published(tmp_path_factory.mktemp("other"), fruit_shop(first="aardvark"))
    return load(folder, shop=SHOP, fingerprint=FINGERPRINT)


@pytest.fixture
def store(connections: Connections) -> SlowStore:
    return SlowStore(connections)


@pytest.fixture
def catalogues(store: SlowStore) -> CatalogueCache:
    return CatalogueCache(store, lambda: 0, wait_seconds=5)


def changed_often(store: SlowStore, shop: ShopName) -> int:
    """Change an item more often than a waiting request reads; return the number of changes."""
    for _ in range(FEW_ENTRIES):
        store.put_many(shop, [SHOWN])
    store.put_many(shop, [HIDDEN])
    return FEW_ENTRIES + 1


def left_behind(store: SlowStore, shop: ShopName, connections: Connections) -> int:
    """Hide an item without a log entry; return the epoch."""
    store.put_many(shop, [HIDDEN])
    connections.writes.delete(redis_keys.items_log(shop))
    return 1


def unavailable_rows(now: CatalogueSnapshot) -> list[int]:
    rows: list[int] = now.live_items.unavailable.nonzero()[0].tolist()
    return rows


def seen(now: CatalogueSnapshot) -> tuple[bool, set[str]]:
    """Return whether the catalogue is current, and the ids of unavailable items."""
    return now.is_current, set(now.live_items.ids(unavailable_rows(now)))


def test_it_catches_up_by_the_epoch(
    catalogues: CatalogueCache, store: SlowStore, shop: ShopName, model: LoadedModel
) -> None:
    """Each epoch is applied: hidden, shown, hidden again."""
    found = []
    for epoch in range(1, 6):
        store.put_many(shop, [CatalogueItem(ItemId("apple"), hidden=epoch % 2 == 1)])
        found.append(seen(catalogues.at(shop, epoch, model)))

    assert found == [(True, {"apple"}), (True, set())] * 2 + [(True, {"apple"})]


def test_a_new_model_is_served_to_all_requests(
    catalogues: CatalogueCache,
    store: SlowStore,
    shop: ShopName,
    model: LoadedModel,
    other: LoadedModel,
) -> None:
    """The catalogue is joined to the new rows, also for requests that hold the old model."""
    store.put_many(shop, [HIDDEN])
    found = []
    for taken in (model, other, model):
        catalogues.take(shop, taken)
        found += [catalogues.at(shop, 1, held).live_items for held in (model, other)]

    assert [each.model for each in found] == [model, model, other, other, model, model]
    assert [each.unavailable.nonzero()[0].tolist() for each in found] == [
        [0],
        [0],
        [4],
        [4],
        [0],
        [0],
    ]


def test_while_a_new_model_is_joined_the_old_one_answers_and_no_change_is_lost(
    catalogues: CatalogueCache,
    store: SlowStore,
    shop: ShopName,
    model: LoadedModel,
    other: LoadedModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No request waits; an item hidden meanwhile is unavailable at once, and with the new model
    too."""
    store.put_many(shop, [SHOWN])
    catalogues.take(shop, model)
    meanwhile: list[CatalogueSnapshot] = []

    def join(*arguments: Any) -> LiveItems:
        made = LiveItems(*arguments)
        store.put_many(shop, [HIDDEN, CatalogueItem(ItemId("new"), hidden=True)])
        meanwhile.append(catalogues.at(shop, 2, model))
        return made

    monkeypatch.setattr("recsvc.usecases.catalogue.catalogue_cache.LiveItems", join)
    catalogues.take(shop, other)
    after = catalogues.at(shop, 2, other)

    assert [now.live_items.model for now in (*meanwhile, after)] == [model, other]
    assert [seen(now) for now in (*meanwhile, after)] == [(True, {"apple", "new"})] * 2


def test_the_first_request_reads_no_catalogue(
    catalogues: CatalogueCache, store: SlowStore, shop: ShopName, model: LoadedModel
) -> None:
    """The catalogue is read and joined before the first request."""
    store.put_many(shop, [HIDDEN])
    catalogues.take(shop, model)
    store.before = store.after = lambda: pytest.fail("a request read the whole catalogue")

    assert seen(catalogues.at(shop, 1, model)) == (True, {"apple"})


def test_many_missed_changes_are_read_from_the_log(
    catalogues: CatalogueCache, store: SlowStore, shop: ShopName, model: LoadedModel
) -> None:
    """The whole catalogue is not read while the log has all changes."""
    catalogues.take(shop, model)
    store.before = lambda: pytest.fail("the whole catalogue was read")
    epoch = changed_often(store, shop)

    assert seen(catalogues.at(shop, epoch, model)) == (True, {"apple"})


def test_a_whole_catalogue_is_read_once_for_all_waiting_requests(
    catalogues: CatalogueCache,
    store: SlowStore,
    shop: ShopName,
    model: LoadedModel,
    connections: Connections,
) -> None:
    """Eight requests after a gap in the log cause one read, and all of them are current."""
    catalogues.take(shop, model)
    epoch = left_behind(store, shop, connections)
    before, all_ask = store.readings, threading.Barrier(8)

    def ask(_: int) -> tuple[bool, set[str]]:
        all_ask.wait(10)
        return seen(catalogues.at(shop, epoch, model))

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))

    assert found == [(True, {"apple"})] * 8
    assert store.readings == before + 1


def test_no_request_waits_longer_than_the_limit(
    store: SlowStore, shop: ShopName, model: LoadedModel, connections: Connections
) -> None:
    """The request is answered as in an outage; the read continues, and then all are current."""
    catalogues = CatalogueCache(store, lambda: 0, wait_seconds=0.05)
    catalogues.take(shop, model)
    epoch, may_be_read = left_behind(store, shop, connections), threading.Event()
    store.before = lambda: may_be_read.wait(60)

    late = [seen(catalogues.at(shop, epoch, model)) for _ in range(2)]
    may_be_read.set()

    assert late == [(False, set())] * 2
    eventually(
        lambda: seen(catalogues.at(shop, epoch, model)) == (True, {"apple"}), "it is current"
    )


def test_changes_during_a_whole_read_are_not_lost(
    catalogues: CatalogueCache,
    store: SlowStore,
    shop: ShopName,
    model: LoadedModel,
    connections: Connections,
) -> None:
    """More changes than a waiting request reads are applied too."""
    catalogues.take(shop, model)
    epoch = left_behind(store, shop, connections)

    def change_and_delete() -> None:
        changed_often(store, shop)
        store.delete(shop, ItemId("banana"))

    store.after = change_and_delete

    now = catalogues.at(shop, epoch, model)
    store.before = lambda: pytest.fail("the whole catalogue was read again")
    later = catalogues.at(shop, epoch + FEW_ENTRIES + 2, model)

    assert seen(now) == seen(later) == (True, {"apple", "banana"})


def test_a_model_taken_during_a_whole_read_is_joined_to_it(
    catalogues: CatalogueCache,
    store: SlowStore,
    shop: ShopName,
    model: LoadedModel,
    other: LoadedModel,
    connections: Connections,
) -> None:
    """Both orders of completion give the same result."""
    catalogues.take(shop, model)
    epoch, is_read, may_go_on = (
        left_behind(store, shop, connections),
        threading.Event(),
        threading.Event(),
    )

    def report_and_wait() -> None:
        is_read.set()
        may_go_on.wait(60)

    store.after = report_and_wait

    with ThreadPoolExecutor(2) as pool:
        asked = pool.submit(catalogues.at, shop, epoch, model)
        is_read.wait(60)
        taken = pool.submit(catalogues.take, shop, other)
        may_go_on.set()
        taken.result(60)
        asked.result(60)
    now = catalogues.at(shop, epoch, other)

    assert now.live_items.model is other
    assert seen(now) == (True, {"apple"})


def test_a_catalogue_that_cannot_be_read_is_not_current(
    catalogues: CatalogueCache, connections: Connections, shop: ShopName, model: LoadedModel
) -> None:
    """The last known catalogue is used, and the answer is that of an outage."""
    CatalogueStore(connections).put_many(shop, [HIDDEN])
    catalogues.preload([shop])
    connections.writes.delete(redis_keys.items(shop), redis_keys.items_log(shop))
    connections.writes.set(redis_keys.items(shop), "damaged")
    connections.writes.hset(redis_keys.epochs(shop), "catalogue", 2)

    behind, away = catalogues.at(shop, 2, model), catalogues.at(shop, None, model)

    assert [seen(each) for each in (behind, away)] == [(False, {"apple"})] * 2
