"""Limits on the repetition of categories and of variants in a list. Pure.

A list for everybody would otherwise begin with several items of the best-selling category.
"""

from collections import Counter
from collections.abc import Sequence

FIRST = 5  # items of a list to which the limit applies
MOST_OF_CATEGORY = 2  # of these
LEAST_CATEGORIES = 3  # with fewer in a filtered list, the limit does not act
CATEGORY_POOL = 50  # items from which the first ones are chosen


def spread_categories(categories: Sequence[int]) -> list[int]:
    """Return the places of a list in an order that has few items of one category at the start.

    `categories`: the category code of each item, below 0 for none, which is not limited. Among the
    first five items, at most two are of one category, as far as the list has others. All other
    places keep their order.
    """
    chosen: list[int] = []
    used = Counter[int]()
    for place, category in enumerate(categories):
        if len(chosen) == FIRST:
            break
        if category < 0 or used[category] < MOST_OF_CATEGORY:
            chosen.append(place)
            used[category] += 1
    taken = set(chosen)
    return chosen + [place for place in range(len(categories)) if place not in taken]


def starts_spread(categories: Sequence[int]) -> bool:
    """Return whether the start of a list is as `spread_categories` would order it."""
    used = Counter(category for category in categories[:FIRST] if category >= 0)
    return max(used.values(), default=0) <= MOST_OF_CATEGORY


def first_variants(groups: Sequence[int]) -> list[int]:
    """Return the places without a later variant of a product that is in the list already.

    `groups`: the code of each item's product, below 0 for an item without variants.
    """
    seen: set[int] = set()
    places = []
    for place, group in enumerate(groups):
        if group < 0 or group not in seen:
            places.append(place)
            seen.add(group)
    return places
