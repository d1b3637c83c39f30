"""A purchase history as rows of items: known, recent and not sensitive."""

from pathlib import Path

import msgspec
import pytest

from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.domain.customers.purchase_history import (
    KEPT_SECONDS,
    BoughtItem,
    Dismissal,
    PurchaseHistory,
    encode,
)
from recsvc.domain.values.ids import ItemId
from recsvc.model.ranking.catalogue_columns import CatalogueColumns
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.ranking.purchase_rows import PurchaseRows, purchase_rows
from recsvc.model.registry.loader import load
from tests.model_builders import FINGERPRINT, SHOP, published

NOW = 1_764_547_200  # a whole minute
APPLE, BANANA, CHERRY, NEW = 0, 1, 2, 4


@pytest.fixture(scope="module")
def live_items(tmp_path_factory: pytest.TempPathFactory) -> LiveItems:
    """Return four items of a model; cherry is sensitive, and the catalogue has a further item."""
    folder: Path = published(tmp_path_factory.mktemp("models"))
    columns = CatalogueColumns()
    for item in (
        CatalogueItem(ItemId("cherry"), sensitive=True),
        CatalogueItem(ItemId("elderberry")),
    ):
        columns.put(item.item_id, item, b"{}")
    return LiveItems(load(folder, shop=SHOP, fingerprint=FINGERPRINT), columns, 0)


def read(live_items: LiveItems, history: PurchaseHistory) -> PurchaseRows:
    return purchase_rows(live_items, [encode(history)], NOW)


def bought(item: str, seconds_ago: int = 60, times: int = 1) -> BoughtItem:
    return BoughtItem(ItemId(item), times, (NOW - seconds_ago) // 60)


def test_known_items_have_rows(live_items: LiveItems) -> None:
    """Items of the model and of the catalogue are read, and unknown ones are not."""
    history = PurchaseHistory((bought("elderberry", times=3), bought("apple"), bought("none")))
    rows = read(live_items, history)

    assert list(zip(rows.rows, rows.times, rows.last_seconds, strict=True)) == [
        (NEW, 3, NOW - 60),
        (APPLE, 1, NOW - 60),
    ]


def test_sensitive_items_are_not_read(live_items: LiveItems) -> None:
    """An item that the catalogue calls sensitive now is left out, though it is stored."""
    assert list(read(live_items, PurchaseHistory((bought("cherry"), bought("banana")))).rows) == [
        BANANA
    ]


def test_an_item_is_read_for_180_days(live_items: LiveItems) -> None:
    """An item bought 180 days ago is not read any more."""
    history = PurchaseHistory((bought("apple", KEPT_SECONDS - 60), bought("banana", KEPT_SECONDS)))

    assert list(read(live_items, history).rows) == [APPLE]


def test_dismissals_in_force_are_read(live_items: LiveItems) -> None:
    """A cancelled dismissal is not read; a dismissal does not age."""
    history = PurchaseHistory(
        dismissals=(Dismissal(ItemId("apple"), 5), Dismissal(ItemId("banana"), 5, True))
    )

    assert list(read(live_items, history).dismissed) == [APPLE]


def test_no_purchase_counts_twice(live_items: LiveItems) -> None:
    """`since` leaves out purchases up to the end of the model's data, and keeps dismissals."""
    rows = read(
        live_items,
        PurchaseHistory(
            (bought("apple", 60), bought("banana", 120)), (Dismissal(ItemId("cherry"), 5),)
        ),
    ).since(NOW - 120)

    assert (list(rows.rows), list(rows.dismissed)) == ([APPLE], [CHERRY])


@pytest.mark.parametrize(
    ("purchases", "expected"),
    [
        ({"last": "2025-12-01T00:00:00Z"}, NOW * 1_000_000),
        ({"last": None}, None),
        ({"last": "then"}, None),
        (None, None),
    ],
)
def test_the_manifest_names_the_end_of_the_data(
    live_items: LiveItems, purchases: object, expected: int | None
) -> None:
    """The end is the last purchase of the training data; unknown for data without times."""
    data = {"purchases": purchases}
    manifest = msgspec.structs.replace(live_items.model.manifest, data=data)

    assert manifest.data_end_us == expected


def test_no_history_has_no_rows(live_items: LiveItems) -> None:
    """Nothing stored gives empty arrays."""
    assert not len(purchase_rows(live_items, [], NOW).rows)
