"""The judged category of items, and category levels as arrays."""

import numpy as np

from training.dataset.category_groups import category_tree, judged_categories

SHOP = [
    *["Food > Tea > Green"] * 3,
    *["Food > Tea > Black"] * 20,
    *["Food > Rare"] * 2,
    "Tools",
    None,
]


def test_a_small_category_is_judged_by_its_parent() -> None:
    """Children count with their parent; a top category is judged by itself however small."""
    paths = {str(row): path for row, path in enumerate(SHOP) if path is not None}
    judged = judged_categories(paths)

    assert judged["0"] == "Food > Tea"
    assert judged["3"] == "Food > Tea > Black"
    assert judged["23"] == "Food"
    assert judged["25"] == "Tools"


def test_levels_name_the_own_category_first() -> None:
    """Levels are padded with −1, and an item without a category has none."""
    tree = category_tree(["B > C", "B", None, "A > B > C"], min_items=2)

    assert tree.names == ["A", "A > B", "A > B > C", "B", "B > C"]
    assert tree.levels.tolist() == [[4, 3, -1], [3, -1, -1], [-1, -1, -1], [2, 1, 0]]
    assert tree.judged.tolist() == [3, 3, -1, 0]


def test_an_item_is_within_its_category_and_its_parents() -> None:
    """No item is within the category of an item that has none."""
    tree = category_tree(["A > B", "A > C", None], min_items=1)
    rows = np.arange(3)
    within = tree.is_within(rows[:, None], np.array([0, 1, -1])[None, :])

    assert within.tolist() == [[True, True, False], [True, False, False], [False, False, False]]


def test_a_catalogue_without_categories_has_an_empty_tree() -> None:
    """There are no levels and no names."""
    tree = category_tree([None, None])

    assert (tree.names, tree.levels.shape, tree.judged.tolist()) == ([], (2, 0), [-1, -1])
    assert tree.is_within(np.arange(2), tree.judged).tolist() == [False, False]
