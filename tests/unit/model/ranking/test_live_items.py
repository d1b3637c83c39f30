"""The catalogue joined to a model: availability over time, and filters."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.domain.catalogue.list_query import Filters
from recsvc.domain.catalogue.slates import ItemSlate
from recsvc.domain.values.ids import ItemId
from recsvc.model.artifact.format import Array
from recsvc.model.ranking.catalogue_columns import CatalogueColumns
from recsvc.model.ranking.live_items import NEVER, LiveItems
from recsvc.model.ranking.neighbour_votes import votes
from recsvc.model.registry.candidates import fill
from recsvc.model.registry.loaded import LoadedModel
from recsvc.model.registry.loader import load
from tests.model_builders import FINGERPRINT, SHOP, candidates, fruit_shop, published, top

APPLE = CatalogueItem(ItemId("apple"), category="pome", price=19.99)
SOON = replace(APPLE, available_from_us=10, available_until_us=20)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder: Path = published(tmp_path_factory.mktemp("models"))
    return load(folder, shop=SHOP, fingerprint=FINGERPRINT)


def is_available(item: CatalogueItem, now_us: int) -> bool:
    """Reference implementation: visible, in stock and within the availability times."""
    if item.hidden or not item.in_stock:
        return False
    begun = item.available_from_us is None or item.available_from_us <= now_us
    return begun and (item.available_until_us is None or now_us < item.available_until_us)


def columns_of(*items: CatalogueItem) -> CatalogueColumns:
    columns = CatalogueColumns()
    for item in items:
        columns.put(item.item_id, item, b"{}")
    return columns


@pytest.mark.parametrize(
    ("now_us", "unavailable", "next_change_us"), [(9, {0}, 10), (10, set(), 20), (20, {0}, NEVER)]
)
def test_availability_follows_time(
    model: LoadedModel, now_us: int, unavailable: set[int], next_change_us: int
) -> None:
    """An item is available from its first microsecond until before its last; the next change is
    known."""
    fresh = LiveItems(model, columns_of(SOON), now_us)
    older = LiveItems(model, columns_of(SOON), 0)
    older.refresh(now_us)

    for live_items in (fresh, older):
        assert (rows_of(live_items.unavailable), live_items.next_change_us) == (
            unavailable,
            next_change_us,
        )


def rows_of(flags: Array) -> set[int]:
    return set(flags.nonzero()[0].tolist())


class Watched(LiveItems):
    """Records the items that a request would get at the moment when rows become visible."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "_item_rows" and len(self._catalogue_rows) > self.size:
            rows = set(self.unranked().items.tolist())
            self.offered_at_once = self.ids(sorted(rows - rows_of(self.unavailable)))


def test_a_new_hidden_item_is_unavailable_while_it_is_joined(model: LoadedModel) -> None:
    """A request during the join of a hidden item does not get the item."""
    watched = Watched(model, columns_of(APPLE), 0)
    for name, hidden in (("secret", True), ("open", False)):
        item = CatalogueItem(ItemId(name), hidden=hidden)
        watched.columns.put(item.item_id, item, b"{}")
    watched.update([1, 2], 0)

    assert watched.offered_at_once == ["open"]


def test_catalogue_items_outside_the_popular_list_fill_lists(
    tmp_path: Path,
) -> None:
    """Items below the k-anonymity threshold are not in the model's popular list; the catalogue
    lists them."""
    folder = published(tmp_path, replace(fruit_shop(), popular=top(3, 2)))
    rare = load(folder, shop=SHOP, fingerprint=FINGERPRINT)
    new = CatalogueItem(ItemId("kiwi"))
    live_items = LiveItems(rare, columns_of(APPLE, new), 0)

    assert live_items.ids(live_items.unranked().items.tolist()) == ["apple", "kiwi"]
    live_items.columns.put(ItemId("banana"), CatalogueItem(ItemId("banana")), b"{}")
    live_items.update([2], 0)
    assert live_items.ids(live_items.unranked().items.tolist()) == ["apple", "kiwi", "banana"]


items = st.builds(
    CatalogueItem,
    item_id=st.sampled_from(["apple", "banana", "kiwi", "a text longer than any of the model"]),
    price=st.none() | st.floats(0, 30),
    category=st.none() | st.sampled_from(["pome", "stone"]),
    in_stock=st.booleans(),
    hidden=st.booleans(),
    sensitive=st.booleans(),
    available_from_us=st.none() | st.integers(0, 20),
    available_until_us=st.none() | st.integers(0, 20),
)


@given(st.lists(items, max_size=12), st.integers(0, 12), st.integers(0, 20))
def test_updates_equal_a_full_refresh(
    model: LoadedModel, changes: list[CatalogueItem], known: int, now_us: int
) -> None:
    """Updates one by one, and a refresh of everything, both match the reference implementation."""
    columns = columns_of(*changes[:known])
    followed = LiveItems(model, columns, now_us)
    for item in changes[known:]:
        followed.update([columns.put(item.item_id, item, b"{}")], now_us)
    rebuilt = LiveItems(model, columns_of(*changes), now_us)
    last = {item.item_id: item for item in changes}

    rows = {item_id: followed.row(item_id) for item_id in last}
    assert rows == {item_id: rebuilt.row(item_id) for item_id in last}
    assert followed.ids([row for row in rows.values() if row is not None]) == list(last)
    expected = {rows[i] for i, item in last.items() if not is_available(item, now_us)}
    assert rows_of(followed.unavailable) == rows_of(rebuilt.unavailable) == expected
    sensitive = {rows[i] for i, item in last.items() if item.sensitive}
    assert rows_of(followed.sensitive) == rows_of(rebuilt.sensitive) == sensitive


@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        (Filters(max_price=19.99), [True, False]),
        (Filters(min_price=19.99), [True, False]),
        (Filters(max_price=19.98), [False, False]),
        (Filters(categories=("pome", "stone")), [True, False]),
        (Filters(categories=("stone",)), [False, False]),
        (Filters(brands=("elm",)), [False, False]),
    ],
)
def test_an_item_without_a_property_passes_no_filter_on_it(
    model: LoadedModel, filters: Filters, passes: list[bool]
) -> None:
    """An item outside the catalogue passes no filter; prices are compared exactly."""
    live_items = LiveItems(model, columns_of(APPLE), 0)

    ranked = fill(2, [candidates(0, 1)], set(), live_items.item_filter(filters))

    assert ranked.items == [row for row in (0, 1) if passes[row]]


def test_several_items_vote_for_their_neighbours(model: LoadedModel) -> None:
    """Apple gives banana 1 and cherry ½, damson gives cherry 1; the top voter is the reason."""
    counted = votes(model, ItemSlate.SIMILAR, [0, 3, 99])

    assert counted.items.tolist() == [2, 1]
    assert counted.scores.tolist() == [1.5, 1.0]
    assert counted.reason_items is not None
    assert counted.reason_items.tolist() == [3, 0]


def test_an_item_is_unknown_until_its_join_is_complete(model: LoadedModel) -> None:
    """Columns are written before the join, so a concurrent reader must ignore the new row."""
    columns = columns_of(APPLE)
    live_items = LiveItems(model, columns, 0)
    row = columns.put("new", CatalogueItem(ItemId("new")), b"{}")
    before = live_items.row("new")
    live_items.update([row], 0)

    assert before is None
    assert live_items.row("new") == len(model.items)
