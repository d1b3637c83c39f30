"""Filters on categories and currencies against a search through all items."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsvc.domain.catalogue.category_paths import SEPARATOR, covers
from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.domain.catalogue.list_query import Filters
from recsvc.domain.values.ids import ItemId
from recsvc.model.offers.items import judged_codes
from recsvc.model.ranking.catalogue_columns import CatalogueColumns
from recsvc.model.ranking.category_sets import NO_CATEGORY, CategorySets
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.registry.candidates import Candidates, fill
from recsvc.model.registry.loaded import LoadedModel
from recsvc.model.registry.loader import load
from tests.model_builders import FINGERPRINT, SHOP, published

NAMES = ["a", "b", "a b"]
paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(SEPARATOR.join)
IDS = ["apple", "banana", "cherry", "new-1", "new-2"]
items = st.builds(
    CatalogueItem,
    item_id=st.sampled_from(IDS).map(ItemId),
    category=st.none() | paths,
    categories=st.lists(paths, max_size=2).map(tuple),
    price=st.none() | st.just(5.0),
    currency=st.none() | st.sampled_from(["EUR", "CHF"]),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder: Path = published(tmp_path_factory.mktemp("models"))
    return load(folder, shop=SHOP, fingerprint=FINGERPRINT)


def passes(item: CatalogueItem, filters: Filters) -> bool:
    """Reference implementation."""
    own = [path for path in (item.category, *item.categories) if path is not None]
    within = any(covers(name, path) for name in filters.categories for path in own)
    in_category = not filters.categories or within
    is_priced = item.price is not None and item.currency == filters.currency
    in_currency = filters.currency is None or is_priced
    in_price = filters.max_price is None or item.price is not None
    return in_category and in_currency and in_price


@given(
    st.lists(items, max_size=14),
    st.integers(0, 14),
    st.lists(paths, max_size=2).map(tuple),
    st.none() | st.sampled_from(["EUR", "USD"]),
    st.none() | st.just(5.0),
)
def test_a_filter_finds_the_same_as_a_search_through_all_items(
    model: LoadedModel,
    changes: list[CatalogueItem],
    known: int,
    categories: tuple[str, ...],
    currency: str | None,
    max_price: float | None,
) -> None:
    """Also after items changed their categories, and for categories of no item."""
    columns = CatalogueColumns()
    live_items = LiveItems(model, columns, 0)
    filters = Filters(categories, max_price=max_price, currency=currency)
    for place, item in enumerate(changes):
        live_items.update([columns.put(item.item_id, item, b"{}")], 0)
        if place == known:
            live_items.item_filter(filters)  # answers of an earlier request are not reused
    last = {item.item_id: item for item in changes}
    rows = [live_items.row(item_id) for item_id in IDS]
    listed = np.array([row for row in rows if row is not None], dtype=np.int32)
    empty = np.zeros(len(listed), np.float32), np.zeros(len(listed), np.uint8)
    found = fill(9, [Candidates(listed, *empty)], set(), live_items.item_filter(filters))

    if filters.is_empty:
        return
    expected = [item_id for item_id in IDS if item_id in last and passes(last[item_id], filters)]
    assert live_items.ids(found.items) == expected


@settings(max_examples=40)
@given(st.lists(items, max_size=10))
def test_the_currencies_of_prices_follow_the_items(changes: list[CatalogueItem]) -> None:
    """An item without a price, and a deleted item, has none."""
    columns = CatalogueColumns()
    for item in changes:
        columns.put(item.item_id, item, b"{}")
    last = {item.item_id: item for item in changes}
    priced = {item.currency for item in last.values() if item.price is not None}

    assert columns.priced_currencies == tuple(sorted(priced - {None}))  # type: ignore[type-var]

    for item_id in last:
        columns.put(item_id, None, b"")
    assert columns.priced_currencies == ()


def test_items_of_equal_categories_share_a_set() -> None:
    """The space around separators makes no other category; further ones are not the own."""
    sets = CategorySets()
    one = sets.put("A > B", ["C"])
    same = sets.put("A > B", ["C"])
    spaced = sets.put("A>B", ["C"])
    none = sets.put(None, [])
    further = sets.put(None, ["A"])

    assert (same, none) == (one, NO_CATEGORY)
    own = sets.own(np.array([one, spaced, none, further], dtype=np.int32)).tolist()
    assert own == [sets.code("A > B"), sets.code("A > B"), NO_CATEGORY, NO_CATEGORY]
    assert sets.sets_within("A").tolist() == [one, spaced, further]
    assert sets.sets_within("D").tolist() == []


def test_a_set_that_was_added_later_is_wanted_too() -> None:
    """Flags that were made for fewer sets are made again."""
    sets = CategorySets()
    sets.put("A", [])
    before = sets.wanted(("A",)).tolist()
    for number in range(100):
        sets.put(f"A > {number}", [])

    assert before == [True]
    assert sets.wanted(("A",)).all()
    assert len(sets.wanted(("A",))) == 101


def test_the_judged_code_is_that_of_a_category_with_enough_items() -> None:
    """Offers compare customers by it; an item without a category has none."""
    sets = CategorySets()
    codes = [sets.put("A > B", [])] * 20 + [sets.put("A > C", []), NO_CATEGORY]
    own = sets.own(np.array(codes, dtype=np.int32))

    judged = judged_codes(own, sets).tolist()
    assert judged == [sets.code("A > B")] * 20 + [sets.code("A"), NO_CATEGORY]
