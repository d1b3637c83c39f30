"""Sizes of categories, and the judged category: the smallest one with enough items. Pure."""

from collections import Counter
from collections.abc import Mapping

from recsvc.domain.catalogue.category_paths import lineage

MIN_ITEMS = 20


def sizes_of(items: Mapping[str, int]) -> Counter[str]:
    """Count the items of each category with its children; `items` are those of each path alone."""
    sizes: Counter[str] = Counter()
    for path, count in items.items():
        for name in lineage(path):
            sizes[name] += count
    return sizes


def judged(path: str, sizes: Mapping[str, int], min_items: int = MIN_ITEMS) -> str:
    """Return the category itself or its nearest parent with `min_items`; else the top category."""
    levels = lineage(path)
    return next((name for name in levels if sizes[name] >= min_items), levels[-1])
