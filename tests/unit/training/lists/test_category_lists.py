"""The popular list by category: parents, further categories, and categories without an item."""

import numpy as np

from recsvc.model.artifact.artifact import TopList
from training.lists.item_lists import popular_by_category

POPULAR = TopList(np.array([2, 0, 1]), np.array([3.0, 2.0, 1.0]))
MEMBERSHIPS = {
    "a": ("Food > Tea", "Food > Gifts"),
    "b": ("Food",),
    "c": ("Tools",),
    "rare": ("Rare > Small",),
    "unsold": ("Nowhere",),
}


def test_a_parent_lists_the_items_of_its_children_once() -> None:
    """The order is that of the popular list; a bought item outside it leaves its list empty."""
    found = popular_by_category(["a", "b", "c", "rare"], POPULAR, MEMBERSHIPS)
    lists = {name: top.items.tolist() for name, top in found.items()}

    assert lists == {
        "Food > Tea": [0],
        "Food": [0, 1],
        "Food > Gifts": [0],
        "Tools": [2],
        "Rare > Small": [],
        "Rare": [],
    }
    assert found["Food"].scores.tolist() == [2.0, 1.0]


def test_without_categories_there_are_no_lists() -> None:
    """Items without a category are in none."""
    assert popular_by_category(["a"], TopList(np.array([0]), np.array([1.0])), {}) == {}
