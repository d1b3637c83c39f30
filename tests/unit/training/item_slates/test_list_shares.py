"""Coverage: each list counts for the weakest source of its first ten items."""

import numpy as np
import pytest

from tests.unit.training.item_slates.shops import item, shop
from training.item_slates.list_shares import shares_of
from training.item_slates.maker import ItemData, ItemLists, Source
from training.recommenders.neighbour_lists import NeighbourLists


@pytest.mark.parametrize(
    ("sources", "weakest"),
    [
        ([Source.BEHAVIOUR] * 9 + [Source.CONTENT], "content"),
        ([Source.CONTENT] + [Source.CATEGORY] * 9, "category"),
        ([Source.BEHAVIOUR] * 9, "global"),
    ],
)
def test_a_list_counts_for_its_weakest_item(sources: list[Source], weakest: str) -> None:
    """An item of the category alone is weaker than one of like text."""
    data = ItemData(*shop([("a", "tea-00", 0.0)], [item("tea-00", category="Tea")]))
    items = data.interactions.history.items_total
    missing = 10 - len(sources)
    columns = np.tile([0] * len(sources) + [-1] * missing, (items, 1))
    codes = np.tile([*sources, *[Source.BEHAVIOUR] * missing], (items, 1)).astype(np.uint8)
    lists = NeighbourLists(columns, np.ones(columns.shape, np.float32))

    found = {
        each.source: each.items
        for each in shares_of(ItemLists(lists, codes), data).coverage
        if each.items
    }

    assert found == {weakest: 1.0}
