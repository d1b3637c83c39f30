"""Properties of published item lists: coverage by source, own category, distinct items."""

import numpy as np

from training.dataset.category_groups import category_tree
from training.dataset.history import Days, Floats, Rows
from training.item_slates.maker import ItemData, ItemLists, Source
from training.metrics.item_slate_results import ListShares, SourceShare

_SHOWN = 10  # items of a list that a page shows


def shares_of(published: ItemLists, data: ItemData) -> ListShares:
    history = data.interactions.history
    sales = np.bincount(history.items, minlength=history.items_total).astype(np.float64)
    columns = published.lists.columns[:, :_SHOWN]
    listed = published.lists.listed[:, :_SHOWN]
    return ListShares(
        _coverage(published, sales),
        _own_category(columns, data, sales),
        float(len(np.unique(columns[listed])) / max(listed.any(axis=1).sum(), 1)),
    )


def _coverage(published: ItemLists, sales: Days) -> tuple[SourceShare, ...]:
    """Return the shares of lists by the weakest source among their first ten."""
    listed = published.lists.listed[:, :_SHOWN]
    weakest = np.where(listed, published.sources[:, :_SHOWN], 0).max(axis=1, initial=0)
    weakest[listed.sum(axis=1) < _SHOWN] = Source.GLOBAL
    total, sold = max(len(weakest), 1), max(float(sales.sum()), 1.0)
    return tuple(
        SourceShare(
            source.name.lower(),
            float((weakest == source).sum() / total),
            float(sales[weakest == source].sum() / sold),
        )
        for source in Source
        if source is Source.GLOBAL or (weakest == source).any()
    )


def _own_category(columns: Rows, data: ItemData, sales: Days) -> float | None:
    """Return the share of listed items within the judged category of the list's item, weighted by
    sales; lists of items without a category do not count.
    """
    categories = data.catalogue.categories
    tree = category_tree([categories.get(item) for item in data.interactions.item_ids])
    if not tree.names:
        return None
    judged = tree.judged.astype(np.int64)[:, None]
    listed = (columns >= 0) & (judged >= 0)
    own = listed & tree.is_within(np.maximum(columns, 0), judged)
    counts = listed.sum(axis=1)
    shares: Floats = own.sum(axis=1) / np.maximum(counts, 1)
    weights = sales * (counts > 0)
    return float((shares * weights).sum() / weights.sum()) if weights.sum() > 0 else None
