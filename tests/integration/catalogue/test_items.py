"""The live catalogue in the store, and its change log for the workers."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.domain.values.ids import ItemId, ShopName
from recsvc.stores.catalogue.items import CatalogueChanges, CatalogueStore
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections
from recsvc.stores.request_read import RequestRead

MILK = CatalogueItem(
    ItemId("milk/ü"),
    title="Milk",
    url="https://shop.example/milk",
    image_url="https://shop.example/milk.webp",
    description="Fresh.\nFrom one farm.",
    category="Food > Dairy",
    categories=("Offers", "Food > Breakfast"),
    attributes={"fat": 3.5, "litres": 1, "organic": True, "origin": "Alps"},
    item_group_id="milk-of-the-alps",
    brand="Cow & Co",
    price=1.19,
    currency="EUR",
    in_stock=False,
    hidden=True,
    sensitive=True,
)


@pytest.fixture
def store(connections: Connections) -> CatalogueStore:
    return CatalogueStore(connections)


def test_items_read_back_as_put(store: CatalogueStore, shop: ShopName) -> None:
    """Every field is read back, whether it was given or not."""
    bread = CatalogueItem(ItemId("bread"))
    count = store.put_many(shop, [MILK, bread])

    assert count == 2
    assert {item.item_id: item for item in store.all(shop)} == {"milk/ü": MILK, "bread": bread}


def test_records_of_earlier_versions_are_read(
    store: CatalogueStore, connections: Connections, shop: ShopName
) -> None:
    """A record without the later fields has their defaults; its category stays as it is."""
    record = b'{"item_id":"old","title":"Old","category":"Home > ","price":2.0,"in_stock":true}'
    connections.writes.hset(redis_keys.items(shop), "old", record)

    assert store.get(shop, ItemId("old")) == CatalogueItem(
        ItemId("old"), title="Old", category="Home > ", price=2.0
    )


def test_a_put_replaces_the_item(store: CatalogueStore, shop: ShopName) -> None:
    """A put replaces all fields of the item."""
    store.put_many(shop, [MILK])
    store.put_many(shop, [CatalogueItem(MILK.item_id, title="Oat milk")])

    assert list(store.all(shop)) == [CatalogueItem(MILK.item_id, title="Oat milk")]


def test_a_put_increments_the_epoch(
    store: CatalogueStore, connections: Connections, shop: ShopName
) -> None:
    """The next Redis read of a worker returns a newer epoch."""
    request_read = RequestRead(connections)
    before = request_read.read(shop, None).epochs.catalogue
    store.put_many(shop, [MILK])

    assert request_read.read(shop, None).epochs.catalogue == before + 1


def test_putting_nothing_changes_nothing(
    store: CatalogueStore, connections: Connections, shop: ShopName
) -> None:
    """An empty import does not increment the epoch."""
    assert store.put_many(shop, []) == 0
    assert not connections.writes.exists(redis_keys.epochs(shop))


def test_a_large_catalogue_is_complete(store: CatalogueStore, shop: ShopName) -> None:
    """Every item is read once, whatever the number of chunks."""
    ids = [f"item-{number}" for number in range(2500)]
    store.put_many(shop, (CatalogueItem(ItemId(each)) for each in ids))

    assert sorted(item.item_id for item in store.all(shop)) == sorted(ids)


def test_an_unreadable_record_is_skipped(
    store: CatalogueStore, connections: Connections, shop: ShopName
) -> None:
    """A damaged record does not hide the other items."""
    store.put_many(shop, [MILK])
    connections.writes.hset(redis_keys.items(shop), "damaged", "{")

    assert list(store.all(shop)) == [MILK]


def test_a_deleted_item_is_not_returned(store: CatalogueStore, shop: ShopName) -> None:
    """A deleted item is neither listed nor returned by its id."""
    store.put_many(shop, [MILK])
    store.delete(shop, MILK.item_id)

    assert list(store.all(shop)) == []
    assert store.get(shop, MILK.item_id) is None


def test_concurrent_changes_of_one_item_are_all_kept(store: CatalogueStore, shop: ShopName) -> None:
    """No change is lost between the read and the write of another."""
    store.put_many(shop, [CatalogueItem(MILK.item_id, price=0)])

    def dearer(_: int) -> None:
        store.change(shop, MILK.item_id, lambda item: replace(item, price=(item.price or 0) + 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(dearer, range(20)))

    assert store.get(shop, MILK.item_id) == CatalogueItem(MILK.item_id, price=20)


def test_the_log_returns_the_changed_items(store: CatalogueStore, shop: ShopName) -> None:
    """Each changed item is returned once, with its current record; none at the current epoch."""
    store.put_many(shop, [MILK])
    start = store.whole(shop)
    store.put_many(shop, [CatalogueItem(ItemId("bread"))])
    store.delete(shop, MILK.item_id)
    changes = store.changes_since(shop, start.epoch)

    assert set(start.records) == {MILK.item_id}
    assert changes is not None
    assert changes.epoch == start.epoch + 2
    assert changes.records[MILK.item_id] == b""
    assert set(changes.records) == {MILK.item_id, "bread"}
    assert store.changes_since(shop, changes.epoch) == CatalogueChanges(changes.epoch, {})


def test_a_worker_far_behind_gets_up_to_its_limit(store: CatalogueStore, shop: ShopName) -> None:
    """Beyond the limit, and for a worker without an epoch, the whole catalogue must be read."""
    for _ in range(3):
        store.put_many(shop, [MILK])

    found = [store.changes_since(shop, epoch, 2) for epoch in (None, 0, 1, 3)]

    assert [changes and changes.epoch for changes in found] == [None, None, 3, 3]


@pytest.mark.parametrize("fault", ["log lost", "epoch reset", "epoch jumped"])
def test_a_gap_in_the_log_requires_a_whole_read(
    store: CatalogueStore, connections: Connections, shop: ShopName, fault: str
) -> None:
    """A restored or trimmed store returns no partial changes; the next change is logged again."""
    for _ in range(3):
        store.put_many(shop, [MILK])
    epochs, log = redis_keys.epochs(shop), redis_keys.items_log(shop)
    if fault == "log lost":
        connections.writes.delete(log)
    else:
        connections.writes.hset(epochs, "catalogue", 0 if fault == "epoch reset" else 9)

    changes, whole = store.changes_since(shop, 2), store.whole(shop)
    store.put_many(shop, [MILK])

    assert changes is None
    assert set(whole.records) == {MILK.item_id}
    assert store.changes_since(shop, whole.epoch) is not None
