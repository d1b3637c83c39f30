"""Pools: the items to compare an item with when its category is unknown or too large.

The pool of an item are the items of the same customers and those of similar text, of its category
if it has one. The number of compared texts is bounded: terms of many texts do not propose. Where
neither proposes enough, best sellers of the same brand and the items of the nearest price follow.
"""

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from training.dataset.history import Flags, Floats, Rows
from training.dataset.segments import NOTHING
from training.item_slates.pool_loops import (
    Divisors,
    Parts,
    Permitted,
    greatest_products,
    pair_products,
    parts_of,
)
from training.item_slates.similar_scores import Factors, PairScores, log_ratio

_PROPOSED = 100  # items, by customers and by texts
_LEAST_PROPOSED = 20  # with fewer, brand and price propose too
_ALIKE = 20  # items of the same brand, and of the nearest price
_BLOCK = 512  # items at once
_PRODUCTS = 1e8  # of two texts' terms, over all pairs of texts


class Pools:
    """The purchases and texts of all items that may be listed."""

    def __init__(self, scores: PairScores, shown: Flags) -> None:
        self._scores = scores
        properties, customers = scores.properties, scores.customers
        self._bought = np.flatnonzero(shown & (scores.buyers >= max(scores.k, 1)))
        self._described = np.flatnonzero(shown)
        self._customers = sparse.csr_array(customers.weighed.T)
        self._by_customer = parts_of(sparse.csr_array(customers.weighed[:, self._bought]))
        self._terms = sparse.csr_array(properties.texts[:, proposing_terms(properties.texts)])
        self._by_term = parts_of(sparse.csr_array(self._terms[self._described].T))
        self._every_customer = parts_of(self._customers)
        self._every_text = parts_of(properties.texts)
        self._alike = _Alike(scores, self._described)

    def compared(self, places: Rows, rows: Rows) -> Iterator[tuple[Rows, Rows, Factors]]:
        """Yield blocks of places, the pool of each place and the factors of the pairs."""
        for start in range(0, len(places), _BLOCK):
            some = places[start : start + _BLOCK]
            others, factors = self._pools(rows[some])
            yield some, others, factors

    def _pools(self, items: Rows) -> tuple[Rows, Factors]:
        scores, properties = self._scores, self._scores.properties
        by_customers = self._by_customers(items)
        by_texts = self._by_texts(items)
        pools = _joined(by_customers, by_texts)
        few = ((pools != NOTHING).sum(axis=1) < _LEAST_PROPOSED) & (properties.groups[items] < 0)
        alike = np.full((len(items), 2 * _ALIKE), NOTHING, np.int64)
        alike[few] = self._alike.of(items[few])
        pools = _joined(pools, alike)
        others = np.maximum(pools, 0)
        cosines, hidden = self._cosines(items, others)
        texts, _ = pair_products(
            parts_of(properties.texts[items]), self._every_text, others, properties.texts.shape[1]
        )
        switched = self._switched(items, others)
        attributes = self._attributes(items, others)
        values = {
            "co_purchase": log_ratio(np.where(pools == NOTHING, 0, cosines)),
            "switching": log_ratio(np.where(pools == NOTHING, 0, switched)),
            "text": texts,
            "attributes": attributes,
            **scores.equalities(items, others),
        }
        behaviour, text = (cosines > 0) | (switched > 0), (texts > 0) | (attributes > 0)
        return others, Factors(values, behaviour, text, hidden, pools == NOTHING)

    def _by_customers(self, items: Rows) -> Rows:
        customers = self._scores.customers
        divisors = Divisors(
            customers.lengths[items],
            customers.lengths[self._bought],
            customers.shrinkage + 1e-12,
            max(self._scores.k, 1),
        )
        return self._proposed(
            parts_of(self._customers[items]), self._by_customer, divisors, self._bought, items
        )

    def _by_texts(self, items: Rows) -> Rows:
        nothing = np.zeros(max(len(items), len(self._described)), np.float32)
        divisors = Divisors(nothing[: len(items)], nothing[: len(self._described)], 1.0, 1)
        return self._proposed(
            parts_of(self._terms[items]), self._by_term, divisors, self._described, items
        )

    def _proposed(
        self, left: Parts, right: Parts, divisors: Divisors, others: Rows, items: Rows
    ) -> Rows:
        """Return the items of the greatest values above 0, NOTHING behind them."""
        if not len(others):
            return np.full((len(items), 0), NOTHING, np.int64)
        groups = self._scores.properties.groups
        place = np.minimum(np.searchsorted(others, items), len(others) - 1)
        own = np.where(others[place] == items, place, -1)
        permitted = Permitted(own, groups[items], groups[others])
        found = greatest_products(left, right, divisors, permitted, _PROPOSED)
        return np.where(found >= 0, others[np.maximum(found, 0)], NOTHING)

    def _cosines(self, items: Rows, others: Rows) -> tuple[Floats, Flags]:
        """Return the cosines of customers, and the pairs with too few common customers."""
        customers = self._scores.customers
        sums, counts = pair_products(
            parts_of(self._customers[items]),
            self._every_customer,
            others,
            self._customers.shape[1],
        )
        too_few = (counts > 0) & (counts < self._scores.k)
        divisors = customers.lengths[items][:, None] * customers.lengths[others]
        cosines = sums / (divisors + np.float32(customers.shrinkage + 1e-12))
        cosines[too_few] = 0
        return cosines, too_few

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


class _Alike:
    """Best sellers of the same brand, and items of the nearest price."""

    def __init__(self, scores: PairScores, shown: Rows) -> None:
        properties = scores.properties
        best_first = shown[np.argsort(-scores.popularity[shown], kind="stable")]
        self._brands, self._prices = properties.brands, properties.log_prices
        branded = best_first[self._brands[best_first] >= 0]
        self._branded = branded[np.argsort(self._brands[branded], kind="stable")]
        priced = shown[np.isfinite(self._prices[shown])]
        self._priced = priced[np.argsort(self._prices[priced], kind="stable")]

    def of(self, items: Rows) -> Rows:
        """Return both, NOTHING where an item has no brand, no price, or is the other itself."""
        by_price = np.searchsorted(self._prices[self._priced], self._prices[items])
        begin = np.clip(by_price - _ALIKE // 2, 0, max(len(self._priced) - _ALIKE, 0))
        begin_brand = np.searchsorted(self._brands[self._branded], self._brands[items])
        found = np.concatenate(
            [
                _window(self._branded, begin_brand, _ALIKE),
                _window(self._priced, begin, _ALIKE),
            ],
            axis=1,
        )
        same = self._brands[items][:, None] == self._brands[found[:, :_ALIKE]]
        found[:, :_ALIKE][~same | (self._brands[items] < 0)[:, None]] = NOTHING
        found[:, _ALIKE:][~np.isfinite(self._prices[items])] = NOTHING
        return np.where(found == items[:, None], NOTHING, found)


def _window(values: Rows, begin: Rows, width: int) -> Rows:
    """Return `width` values from each begin on, NOTHING behind the end."""
    at = begin[:, None] + np.arange(width)
    if not len(values):
        return np.full(at.shape, NOTHING, np.int64)
    return np.where(at < len(values), values[np.minimum(at, len(values) - 1)], NOTHING)


def _joined(first: Rows, second: Rows) -> Rows:
    """Append the second items of each row without those of the first, and without repeats."""
    joined = np.concatenate([first, second], axis=1)
    order = np.argsort(joined, axis=1, kind="stable")
    ordered = np.take_along_axis(joined, order, axis=1)
    repeated = np.zeros(joined.shape, dtype=bool)
    np.put_along_axis(repeated, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    return np.where(repeated, NOTHING, joined)
