"""Pools of items without a category, and small catalogues of every kind."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from recsvc.domain.catalogue.item import CatalogueItem
from tests.unit.training.builders import Line, quick
from tests.unit.training.item_slates.shops import gift_items, gift_orders, item, named_lists, shop
from training.item_slates.item_properties import properties_of
from training.item_slates.judging import fit_item_slates
from training.item_slates.maker import ItemData
from training.item_slates.makers import makers_of
from training.item_slates.pool_loops import (
    Divisors,
    Permitted,
    greatest_products,
    pair_products,
    parts_of,
)
from training.item_slates.similar import Similar

random_generators = st.integers(0, 10_000).map(np.random.default_rng)


def some_rows(rng: np.random.Generator, rows: int, terms: int) -> sparse.csr_array:
    dense = rng.integers(1, 4, (rows, terms)) * (rng.random((rows, terms)) < 0.4)
    return sparse.csr_array(dense.astype(np.float32))


@given(random_generators)
def test_the_greatest_products_are_those_of_dense_matrices(rng: np.random.Generator) -> None:
    """Pairs of few common terms, of another group and of a row with itself are left out."""
    rows = some_rows(rng, 9, 6)
    lengths = rng.random(9).astype(np.float32)
    groups, least, k = rng.integers(-1, 2, 9), int(rng.integers(1, 3)), 4
    found = greatest_products(
        parts_of(rows),
        parts_of(sparse.csr_array(rows.T)),
        Divisors(lengths, lengths, 0.5, least),
        Permitted(np.arange(9), groups, groups),
        k,
    )
    dense = rows.toarray()
    products = (dense @ dense.T).astype(np.float64)
    products /= lengths[:, None] * lengths + np.float64(0.5)
    common = (dense > 0).astype(int) @ (dense > 0).T
    out = (common < least) | np.eye(9, dtype=bool)
    out |= (groups[:, None] >= 0) & (groups[:, None] != groups)
    products[out] = 0
    expected = [
        [each for each in np.lexsort((np.arange(9), -row))[:k].tolist() if row[each] > 0]
        for row in products
    ]

    assert [[each for each in row if each >= 0] for row in found.tolist()] == expected


@given(random_generators)
def test_products_of_pairs_are_those_of_dense_matrices(rng: np.random.Generator) -> None:
    rows, others = some_rows(rng, 4, 6), some_rows(rng, 5, 6)
    pairs = rng.integers(0, 5, (4, 3))
    sums, counts = pair_products(parts_of(rows), parts_of(others), pairs, 6)
    products = (rows @ others.T).toarray()
    common = ((rows > 0).astype(int) @ (others > 0).astype(int).T).toarray()

    assert sums.tolist() == np.take_along_axis(products, pairs, axis=1).tolist()
    assert counts.tolist() == np.take_along_axis(common, pairs, axis=1).tolist()


ONE_ORDER: list[Line] = [("u", "i00", 0.0), ("u", "i01", 0.0)]


def test_without_category_and_like_texts_the_brand_proposes() -> None:
    """Without prices, only items of the own brand are listed."""
    items = [item(f"i{n:02d}", brand="A" if n % 2 else "B") for n in range(24)]
    listed = named_lists(shop(ONE_ORDER, items), k=5)["i05"]

    assert set(listed) == {f"i{n:02d}" for n in range(1, 24, 2)} - {"i05"}


def test_without_category_text_and_brand_the_nearest_price_proposes() -> None:
    items = [item(f"i{n:02d}", price=10.0 * 1.5**n) for n in range(24)]
    listed = named_lists(shop(ONE_ORDER, items), k=5)["i08"]

    assert set(listed[:2]) == {"i07", "i09"}


def test_items_of_which_nothing_is_known_have_no_list() -> None:
    """The service answers them with popular items, and says so."""
    lists = named_lists(shop(ONE_ORDER, [item(f"i{n:02d}") for n in range(24)]), k=5)

    assert lists["i03"] == []


CATALOGUES: dict[str, Sequence[CatalogueItem]] = {
    "five items": [item(f"BA-{n}", title=f"Bag {n}", category="Bags") for n in range(5)],
    "no categories": gift_items(),
    "no texts": [item(each.item_id, category="Gifts", price=2.0) for each in gift_items()],
    "one category": gift_items(category="Gifts"),
    "all sensitive": gift_items(sensitive=True),
    "no catalogue": (),
}


@pytest.mark.parametrize("kind", CATALOGUES)
def test_every_kind_of_catalogue_has_valid_lists(kind: str) -> None:
    """No list has its own item, an item twice, or a sensitive item; scores descend."""
    items = CATALOGUES[kind]
    ids = [each.item_id for each in items] or [each.item_id for each in gift_items()]
    sensitive = {each.item_id for each in items if each.sensitive}
    bought = [line for line in gift_orders() if line[1] in ids and line[1] not in sensitive]
    found = shop(bought or [("u", "unlisted", 0.0)], items)
    interactions, catalogue = found
    data = ItemData(interactions, catalogue)
    slates = fit_item_slates(makers_of(data), data, quick(k_anonymity=5))
    for made in slates.lists.values():
        listed = made.lists.listed
        for row, columns in enumerate(made.lists.columns):
            own = columns[listed[row]].tolist()
            assert row not in own
            assert len(own) == len(set(own))
        assert (np.diff(made.lists.scores, axis=1) <= 0).all()
    assert not sensitive & set(interactions.item_ids)


def test_five_items_of_a_catalogue_list_each_other() -> None:
    lists = named_lists(shop([("u", "BA-0", 0.0)], CATALOGUES["five items"]), k=5)

    assert {name: set(listed) for name, listed in lists.items()} == {
        name: set(lists) - {name} for name in lists
    }


def test_equal_input_gives_equal_bytes_from_pools() -> None:
    interactions, catalogue = shop(gift_orders(), gift_items())
    data = ItemData(interactions, catalogue)
    maker = Similar(properties_of(interactions.item_ids, catalogue))
    one, two = (maker.publish("blend", data, quick(k_anonymity=5)) for _ in range(2))

    assert one.lists.columns.tobytes() == two.lists.columns.tobytes()
    assert one.lists.scores.tobytes() == two.lists.scores.tobytes()
