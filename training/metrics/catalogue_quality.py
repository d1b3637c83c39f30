"""Quality of lists apart from hits: coverage, novelty, popularity bias and diversity."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from training.dataset.customer_items import CustomerItems
from training.dataset.history import Floats, Rows
from training.dataset.segments import NOTHING
from training.metrics.results import MAIN_K

_MOST_LISTS = 300  # compared pair by pair for diversity, evenly spread


@dataclass(frozen=True, slots=True)
class Exposure:
    coverage: float
    novelty: float
    popularity_bias: float
    diversity: float


@dataclass(frozen=True, slots=True)
class CatalogueFacts:
    """Item statistics that exposure is computed from."""

    surprise: Floats  # (items,) −log2 of the share of customers who bought the item
    percentiles: Floats  # (items,) of popularity, 1 for the best seller
    buyers: sparse.csr_array  # items × customers, rows of length 1

    def exposure(self, ranked: Rows) -> Exposure:
        """Compute the metrics for the first MAIN_K places."""  # ranked: (customers, k)
        first = ranked[:, :MAIN_K]
        shown = first[first != NOTHING]
        if not len(shown):
            return Exposure(0.0, float("nan"), float("nan"), float("nan"))
        return Exposure(
            coverage=len(np.unique(shown)) / len(self.surprise),
            novelty=float(self.surprise[shown].mean()),
            popularity_bias=float(self.percentiles[shown].mean()),
            diversity=self.diversity(first),
        )

    def diversity(self, first: Rows) -> float:
        """Average 1 − cosine of buyers over the item pairs of each list."""
        step = max(len(first) // _MOST_LISTS, 1)
        lists = first[::step]
        items, places = np.unique(lists, return_inverse=True)
        vectors = self.buyers[np.maximum(items, 0)]
        alike = (vectors @ vectors.T).toarray()
        places = places.reshape(lists.shape)
        cosines = alike[places[:, :, None], places[:, None, :]]
        real = lists != NOTHING
        pairs = real[:, :, None] & real[:, None, :]
        pairs &= ~np.eye(lists.shape[1], dtype=bool)
        return 1.0 - float(cosines[pairs].mean()) if pairs.any() else float("nan")


def catalogue_of(customer_items: CustomerItems) -> CatalogueFacts:
    buyers = customer_items.buyers
    customers = max(len(np.unique(customer_items.customers)), 1)
    order = np.argsort(np.argsort(buyers, kind="stable"), kind="stable")
    by_item = customer_items.matrix(np.ones(len(customer_items), np.float32)).T.tocsr()
    lengths = np.sqrt(np.maximum(np.diff(by_item.indptr), 1))
    by_item.data = by_item.data / np.repeat(lengths, np.diff(by_item.indptr))
    surprise = -np.log2(np.maximum(buyers, 0.5) / customers)
    percentiles = (order + 1) / max(len(buyers), 1)
    return CatalogueFacts(surprise.astype(np.float32), percentiles.astype(np.float32), by_item)
