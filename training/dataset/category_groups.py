"""Groups of categories: the judged category of an item, and the levels of its path as arrays.

The judged category of an item is its own category, or, where fewer than MIN_ITEMS items are in that
category and its children, the nearest parent with enough of them; the top category otherwise.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsvc.domain.catalogue.category_paths import lineage
from recsvc.domain.catalogue.category_sizes import MIN_ITEMS, judged, sizes_of
from training.dataset.history import Rows

NO_CATEGORY = -1


@dataclass(frozen=True, slots=True)
class CategoryTree:
    """The categories of items, by row in `names`: paths and all their parents, sorted bytewise."""

    names: Sequence[str]
    levels: NDArray[np.int32]  # (items, deepest path) own category, then parents; −1 behind
    judged: NDArray[np.int32]  # (items,) −1 for an item without a category

    def is_within(self, items: Rows, categories: Rows) -> NDArray[np.bool_]:
        """Return whether each item is in the category of its place or in a child of it.

        `items` and `categories` broadcast; category −1 contains no item.
        """
        items, categories = np.broadcast_arrays(items, categories)
        within = (self.levels[items] == categories[..., None]).any(axis=-1)
        return np.asarray(within & (categories >= 0))


def judged_categories(paths: Mapping[str, str], min_items: int = MIN_ITEMS) -> dict[str, str]:
    """Return the judged category of each item; `paths` are the items' normalised paths."""
    sizes = sizes_of(Counter(paths.values()))
    judged_of = {path: judged(path, sizes, min_items) for path in set(paths.values())}
    return {item: judged_of[path] for item, path in paths.items()}


def category_tree(paths: Sequence[str | None], min_items: int = MIN_ITEMS) -> CategoryTree:
    """Build the tree of items by row; None: an item without a category."""
    known = [path for path in paths if path is not None]
    sizes = sizes_of(Counter(known))
    names = sorted(sizes, key=str.encode)
    row_of = {name: row for row, name in enumerate(names)}
    rows_of = {path: [row_of[name] for name in lineage(path)] for path in set(known)}
    depth = max(map(len, rows_of.values()), default=0)
    levels = np.full((len(paths), depth), NO_CATEGORY, dtype=np.int32)
    judged_rows = np.full(len(paths), NO_CATEGORY, dtype=np.int32)
    judged_of = {path: row_of[judged(path, sizes, min_items)] for path in rows_of}
    for item, path in enumerate(paths):
        if path is not None:
            rows = rows_of[path]
            levels[item, : len(rows)] = rows
            judged_rows[item] = judged_of[path]
    return CategoryTree(names, levels, judged_rows)
