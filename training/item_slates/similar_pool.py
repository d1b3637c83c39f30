"""Pools: the items to compare an item with when its category is unknown or too large.

The pool of an item are the items of the same customers and those of similar text, of its category
if it has one. The number of compared texts is bounded: terms of many texts do not propose.
"""

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from training.dataset.history import Flags, Floats, Rows
from training.dataset.segments import NOTHING
from training.item_slates.similar_scores import Factors, PairScores, log_ratio
from training.ranking.top_k import best_columns
from training.recommenders.sparse_products import dense_product

_PROPOSED = 100  # items, by customers and by texts
_BLOCK_ENTRIES = 10_000_000  # of the dense products of a block
_PRODUCTS = 1e8  # of two texts' terms, over all pairs of texts


class Pools:
    """The purchases and texts of all items that may be listed."""

    def __init__(self, scores: PairScores, shown: Flags) -> None:
        self._scores = scores
        self._bought = np.flatnonzero(shown & (scores.buyers >= max(scores.k, 1)))
        self._customers = scores.customers.of(self._bought)
        self._by_row = self._customers.by_row()
        self._described = np.flatnonzero(shown)
        texts = scores.properties.texts
        self._terms = sparse.csr_array(texts[:, proposing_terms(texts)])
        self._by_term = sparse.csr_array(self._terms[self._described].T)

    def compared(self, places: Rows, rows: Rows) -> Iterator[tuple[Rows, Rows, Factors]]:
        """Yield blocks of places, the pool of each place and the factors of the pairs."""
        size = int(np.clip(_BLOCK_ENTRIES // max(len(self._described), 1), 16, 512))
        for start in range(0, len(places), size):
            some = places[start : start + size]
            others, factors = self._pools(rows[some])
            yield some, others, factors

    def _pools(self, items: Rows) -> tuple[Rows, Factors]:
        scores = self._scores
        shared = scores.customers.of(items).shared_with(self._customers, self._by_row)
        products = dense_product(self._terms[items], self._by_term)
        by_customers = self._proposed(shared.cosines, self._bought, items)
        by_texts = self._proposed(products, self._described, items)
        repeated = (by_texts[:, :, None] == by_customers[:, None, :]).any(axis=2)
        pools = np.concatenate([by_customers, np.where(repeated, NOTHING, by_texts)], axis=1)
        others = np.maximum(pools, 0)
        cosines = _looked_up(shared.cosines, self._bought, others)
        texts = _looked_up(products, self._described, others)
        switched = self._switched(items, others)
        attributes = self._attributes(items, others)
        values = {
            "co_purchase": log_ratio(np.where(pools == NOTHING, 0, cosines)),
            "switching": log_ratio(np.where(pools == NOTHING, 0, switched)),
            "text": texts,
            "attributes": attributes,
            **scores.equalities(items, others),
        }
        hidden = _looked_up(shared.too_few.astype(np.float32), self._bought, others) > 0
        behaviour, text = (cosines > 0) | (switched > 0), (texts > 0) | (attributes > 0)
        return others, Factors(values, behaviour, text, hidden, pools == NOTHING)

    def _proposed(self, values: Floats, others: Rows, items: Rows) -> Rows:
        """Return the items of the greatest values above 0, NOTHING behind them."""
        groups = self._scores.properties.groups
        own = groups[items][:, None]
        elsewhere = (own >= 0) & (own != groups[others])
        top = best_columns(
            np.where(elsewhere | (items[:, None] == others), 0, values), None, _PROPOSED
        )
        if not top.columns.size:
            return np.full((len(items), 0), NOTHING, np.int64)
        return np.where(top.scores > 0, others[np.maximum(top.columns, 0)], NOTHING)

    def _switched(self, items: Rows, others: Rows) -> Floats:
        if not others.size:  # scipy returns a sparse array for an empty index
            return np.zeros(others.shape, np.float32)
        own = np.broadcast_to(items[:, None], others.shape)
        found = self._scores.switched[own.ravel(), others.ravel()]
        return np.asarray(found, np.float32).reshape(others.shape)

    def _attributes(self, items: Rows, others: Rows) -> Floats:
        attributes = self._scores.properties.attributes
        if not attributes.nnz or not others.size:
            return np.zeros(others.shape, np.float32)
        own = np.repeat(items, others.shape[1])
        products = attributes[own].multiply(attributes[others.ravel()]).sum(axis=1)
        return np.asarray(products, np.float32).reshape(others.shape)


def proposing_terms(texts: sparse.csr_array) -> Rows:
    """Return the rarest terms whose products over all pairs of texts stay within the bound."""
    found = np.bincount(texts.indices, minlength=texts.shape[1]).astype(np.float64)
    order = np.argsort(found, kind="stable")
    return np.sort(order[np.cumsum(found[order] ** 2) <= _PRODUCTS])


def _looked_up(values: Floats, columns: Rows, others: Rows) -> Floats:
    """Return each row's values of `others`, 0 for an item that is no column."""
    if not len(columns) or not others.size:
        return np.zeros(others.shape, np.float32)
    at = np.minimum(np.searchsorted(columns, others), len(columns) - 1)
    found = np.take_along_axis(values, at, axis=1)
    return np.where(columns[at] == others, found, np.float32(0))
