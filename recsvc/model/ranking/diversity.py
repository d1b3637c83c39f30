"""Maximal marginal relevance: near the top what is wanted, but not ten times the same.

J. Carbonell, J. Goldstein: The use of MMR, diversity-based reranking (SIGIR 1998). Relevance is
the place in the list, since lists with scores of different kinds are joined in one answer; two
items are alike when they share a category or one is a neighbour of the other.
"""

import numpy as np

from recsvc.domain.catalogue.slates import ItemSlate
from recsvc.model.artifact.format import Array
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.registry.candidates import RankedItems

POOL = 5  # candidates looked at for each place of the answer


def diversified(
    ranked: RankedItems, n: int, diversity: float, live_items: LiveItems
) -> RankedItems:
    """Choose n of the ranked. diversity 0 leaves their order; 1 avoids likeness alone."""
    size = len(ranked)
    if not size:
        return ranked
    rows = np.array(ranked.items)
    relevance = 1 - np.arange(size) / size
    likeness = np.zeros(size)  # to the most similar item chosen so far
    codes = live_items.categories(ranked.items)
    chosen: list[int] = []
    gain = relevance.copy()
    for _ in range(min(n, size)):
        best = int(gain.argmax())
        chosen.append(best)
        likeness = np.maximum(likeness, _alike(rows, codes, best, live_items))
        gain = (1 - diversity) * relevance - diversity * likeness
        gain[chosen] = -np.inf
    return RankedItems(
        [ranked.items[place] for place in chosen],
        [ranked.scores[place] for place in chosen],
        [ranked.reasons[place] for place in chosen],
        [ranked.reason_items[place] for place in chosen],
    )


def _alike(rows: Array, codes: Array, place: int, live_items: LiveItems) -> Array:
    alike: Array = (codes == codes[place]) & (codes[place] >= 0)
    row = int(rows[place])
    if row < live_items.size:
        alike |= np.isin(rows, live_items.model.neighbours(ItemSlate.SIMILAR, row).items)
    return alike.astype(float)
