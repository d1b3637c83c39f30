"""Lists without variants of some products: a basket is never completed by its own thing."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.registry.candidates import Candidates


def without_variants(
    live_items: LiveItems, rows: Sequence[int], lists: Iterable[Candidates]
) -> Iterator[Candidates]:
    """Yield the lists without items that have the item_group_id of one of the rows."""
    groups = live_items.groups(rows) if rows and live_items.columns.has_groups else np.zeros(0)
    own = groups[groups >= 0]
    if not len(own):
        yield from lists
        return
    for candidates in lists:
        is_variant = np.isin(live_items.groups(candidates.items), own)
        yield candidates.at(np.flatnonzero(~is_variant)) if is_variant.any() else candidates
