"""Scores of items that could be taken instead of an item: behaviour and content, log-linear.

exp(score) is proportional to the probability of a purchase in a conditional logit model, so factors
such as popularity and co-purchase multiply. Every factor of behaviour rests on k customers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from training.dataset.customer_items import CustomerItems
from training.dataset.history import Flags, Floats, History, Rows, decay
from training.item_slates.item_properties import ItemProperties
from training.item_slates.shared_customers import ItemCustomers, item_customers
from training.item_slates.switching import switching_customers
from training.recommenders.sparse_products import dense_product

_POPULAR_HALF_LIFE_DAYS = 60.0
_LEAST_SHARE = 1e-4  # of a category's purchases: the popularity of an item that nobody buys
_LEAST_RATIO = 0.05  # of the closest pair: the behaviour of a pair without common customers


@dataclass(frozen=True, slots=True)
class Weights:
    """The exponent of each factor."""

    popularity: float = 0.0  # log of the share in purchases of the category
    co_purchase: float = 0.0  # log of the shrunk cosine of customers / that of the closest item
    switching: float = 0.0  # log of the customers who switched / those of the closest item
    text: float = 0.0  # cosine
    attributes: float = 0.0  # cosine
    brand: float = 0.0  # 1: equal
    product: float = 0.0  # 1: a variant of the same product
    price: float = 0.0  # ratio of the lower price to the higher

    def without(self, *names: str) -> "Weights":
        return replace(self, **dict.fromkeys(names, 0.0))


BEHAVIOUR = ("popularity", "co_purchase", "switching")


@dataclass(frozen=True, slots=True)
class Factors:
    """The factors of some items and those compared with each; all have the shape (items, others).

    `is_hidden`: bought by too few customers for a factor of behaviour. `excluded`: not in the list
    of the item; None: all may be.
    """

    values: Mapping[str, Floats]  # by the names of Weights
    has_behaviour: Flags
    has_text: Flags
    is_hidden: Flags
    excluded: Flags | None = None

    def scores(self, weights: Weights) -> Floats:
        """Return the weighted sum of the factors, −inf for excluded pairs."""  # (items, others)
        total = np.zeros(self.has_behaviour.shape, np.float32)
        for name, found in self.values.items():
            weight = getattr(weights, name)
            if weight:
                total += np.float32(weight) * found
        if self.excluded is not None:
            total[self.excluded] = -np.inf
        return total


@dataclass(frozen=True, slots=True)
class PairScores:
    """Purchases and properties of items, ready to compare any items with any others."""

    properties: ItemProperties
    k: int
    buyers: Rows  # (items,)
    popularity: Floats  # (items,) decayed purchases; 0 below k customers
    customers: ItemCustomers
    switched: sparse.csr_array  # items × items, customers

    def in_category(self, items: Rows, others: Rows) -> Factors:
        """Compare items with others of their category."""
        columns = self.customers.of(others)
        shared = self.customers.of(items).shared_with(columns, columns.by_row())
        switched = self.switched[items][:, others].toarray()
        texts = _products(self.properties.texts, items, others)
        attributes = _products(self.properties.attributes, items, others)
        values = {
            "popularity": np.broadcast_to(self._log_share(others), texts.shape),
            "co_purchase": log_ratio(shared.cosines),
            "switching": log_ratio(switched),
            "text": texts,
            "attributes": attributes,
            **self.equalities(items, others),
        }
        behaviour = (shared.cosines > 0) | (switched > 0)
        return Factors(values, behaviour, (texts > 0) | (attributes > 0), shared.too_few)

    def equalities(self, items: Rows, others: Rows) -> dict[str, Floats]:
        """Compare brands, products and prices. `others`: (others,), or (items, others)."""
        properties = self.properties
        prices = properties.log_prices
        apart = np.abs(prices[items][:, None] - prices[others])
        return {
            "brand": _equal(properties.brands, items, others),
            "product": _equal(properties.products, items, others),
            "price": np.nan_to_num(np.exp(-apart)),
        }

    def _log_share(self, others: Rows) -> Floats:
        popularity = self.popularity[others]
        shares = popularity / max(float(popularity.sum()), 1e-9)
        return np.asarray(np.log(shares + _LEAST_SHARE), np.float32)


def pair_scores(
    history: History, customer_items: CustomerItems, properties: ItemProperties, k: int
) -> PairScores:
    """Prepare the purchases of a history."""
    buyers = customer_items.buyers
    recent = np.bincount(
        history.items, decay(history.ages(), _POPULAR_HALF_LIFE_DAYS), history.items_total
    )
    return PairScores(
        properties,
        k,
        buyers,
        np.where(buyers >= k, recent, 0.0).astype(np.float32),
        item_customers(customer_items, k),
        switching_customers(history, properties.groups, k),
    )


def log_ratio(values: Floats) -> Floats:
    """Return log(value / the row's greatest), from log(_LEAST_RATIO) for 0 up to about 0."""
    best = values.max(axis=1, keepdims=True, initial=0)
    ratio = np.divide(values, best, out=np.zeros_like(values, np.float32), where=best > 0)
    return np.asarray(np.log(ratio + np.float32(_LEAST_RATIO)))


def _products(rows: sparse.csr_array, items: Rows, others: Rows) -> Floats:
    return dense_product(rows[items], sparse.csr_array(rows[others].T))


def _equal(codes: Rows, items: Rows, others: Rows) -> Floats:
    own = codes[items][:, None]
    return np.asarray((own == codes[others]) & (own >= 0), np.float32)
