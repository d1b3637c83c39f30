"""Rare items: those beyond the head, proposed by their nearest items among all.

The similarity is a shrunk cosine of customers, as in `item_neighbours`. Here each rare item chooses
the items that vote for it: the best-selling items would never choose a rare one. All matrices are
sparse, and the votes of each item are limited, so that the cost grows with purchases, and not with
customers times items.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from training.dataset.history import Floats, Rows, decay
from training.dataset.training_data import TrainingData

_NONE = np.zeros(0, np.int64)
_BLOCK = 1000  # rare items compared with all others at once
_LEAST_COMMON = 2  # customers; one says little, and most pairs have one


@dataclass(frozen=True, slots=True)
class FittedRareItems:
    items: Rows  # (columns,) ascending
    tastes: sparse.csr_array  # customers × all items
    similarity: sparse.csr_array  # all items × columns

    def score(self, customers: Rows) -> sparse.csr_array:
        """Return the votes of each customer's items, in ascending columns."""  # (., columns)
        votes = sparse.csr_array(self.tastes[customers] @ self.similarity)
        votes.eliminate_zeros()
        votes.sort_indices()
        return votes


@dataclass(frozen=True, slots=True)
class RareItemNeighbours:
    half_life_days: float
    shrinkage: float
    neighbours: int = 20  # that vote for an item
    votes: int = 100  # of an item

    def fit(self, training_data: TrainingData) -> FittedRareItems:
        customer_items, rare = training_data.customer_items, training_data.rare
        recent = customer_items.add_up(decay(training_data.history.ages(), self.half_life_days))
        bought = customer_items.matrix(np.ones(len(customer_items), np.float32))
        lengths = np.sqrt(customer_items.buyers)
        columns = sparse.csc_array(bought)[:, rare]
        rows, others, values = [_NONE], [_NONE], [np.zeros(0, np.float32)]
        for start in range(0, len(rare), _BLOCK):
            common = (columns[:, start : start + _BLOCK].T @ bought).tocoo()
            row, other = common.coords
            kept = (common.data >= _LEAST_COMMON) & (rare[start + row] != other)
            row, other, count = row[kept] + start, other[kept], common.data[kept]
            divisor = lengths[rare[row]] * lengths[other] + self.shrinkage
            cosine = (count / divisor).astype(np.float32)
            nearest = greatest(row, other, cosine, self.neighbours)
            rows.append(row[nearest])
            others.append(other[nearest])
            values.append(cosine[nearest])
        voters, voted, cosines = (
            np.concatenate(others),
            np.concatenate(rows),
            np.concatenate(values),
        )
        best = greatest(voters, voted, cosines, self.votes)
        entries = (cosines[best], (voters[best], voted[best]))
        similarity = sparse.coo_array(entries, shape=(bought.shape[1], len(rare)))
        tastes = customer_items.matrix(np.log1p(recent))
        return FittedRareItems(rare, tastes, similarity.tocsr())


def greatest(rows: Rows, columns: Rows, values: Floats, k: int) -> Rows:
    """Return the entries of each row's k greatest values above 0; ties by the lower column."""
    order = np.lexsort((columns, -values, rows))
    order = order[values[order] > 0]
    ordered = rows[order]
    place = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return np.asarray(order[place < k])
