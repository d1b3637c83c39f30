"""Maximal marginal relevance: rerank a list so that similar items do not follow each other.

J. Carbonell, J. Goldstein: The use of MMR, diversity-based reranking (SIGIR 1998). Relevance is
the place in the list, because an answer joins lists whose scores have different scales. Two items
are similar if they share a category or one is a neighbour of the other.
"""

import numpy as np

from recsvc.domain.catalogue.slates import ItemSlate
from recsvc.model.artifact.format import Array
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.registry.candidates import RankedItems

POOL = 5  # candidates per place of the answer


def diversified(
    ranked: RankedItems, n: int, diversity: float, live_items: LiveItems
) -> RankedItems:
    """Choose n items. `diversity`: 0 keeps the order, 1 minimizes similarity only."""
    size = len(ranked)
    if not size:
        return ranked
    rows = np.array(ranked.items)
    relevance = 1 - np.arange(size) / size
    similarity = np.zeros(size)  # to the most similar item chosen so far
    codes = live_items.categories(ranked.items)
    chosen: list[int] = []
    gain = relevance.copy()
    for _ in range(min(n, size)):
        best = int(gain.argmax())
        chosen.append(best)
        similarity = np.maximum(similarity, _similar(rows, codes, best, live_items))
        gain = (1 - diversity) * relevance - diversity * similarity
        gain[chosen] = -np.inf
    return ranked.at(chosen)


def _similar(rows: Array, codes: Array, place: int, live_items: LiveItems) -> Array:
    similar: Array = (codes == codes[place]) & (codes[place] >= 0)
    row = int(rows[place])
    if row < live_items.size:
        similar |= np.isin(rows, live_items.model.neighbours(ItemSlate.SIMILAR, row).items)
    return similar.astype(float)
