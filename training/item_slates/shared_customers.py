"""Common customers of pairs of items, and their shrunk cosine; both 0 below k customers.

Customers with many items weigh less in the cosine, and a constant in its denominator keeps two
items with few customers from being the closest.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from training.dataset.customer_items import CustomerItems
from training.dataset.history import Flags, Floats, Rows
from training.recommenders.sparse_products import dense_product

_SHRINKAGE = 20.0  # customers of mean size


@dataclass(frozen=True, slots=True)
class SharedCustomers:
    """The result for all pairs of some items and some others; each has the shape (items, others).

    `too_few` marks pairs that have common customers, but fewer than k.
    """

    cosines: Floats
    too_few: Flags


@dataclass(frozen=True, slots=True)
class ItemCustomers:
    """The customers of some items."""

    bought: sparse.csc_array  # customers × items, ones
    weighed: sparse.csc_array  # the same by the rarity of the customer's purchases
    lengths: Floats  # (items,) of the columns of `weighed`
    shrinkage: float
    k: int

    def of(self, items: Rows) -> "ItemCustomers":
        return ItemCustomers(
            self.bought[:, items],
            self.weighed[:, items],
            self.lengths[items],
            self.shrinkage,
            self.k,
        )

    def by_row(self) -> tuple[sparse.csr_array, sparse.csr_array]:
        """Return both matrices in the order in which they are multiplied from the left."""
        return sparse.csr_array(self.bought), sparse.csr_array(self.weighed)

    def shared_with(
        self, others: "ItemCustomers", by_row: tuple[sparse.csr_array, sparse.csr_array]
    ) -> SharedCustomers:
        """`by_row`: the matrices of `others`."""
        shared = dense_product(self.bought.T, by_row[0])
        too_few = (shared > 0) & (shared < self.k)
        cosines = dense_product(self.weighed.T, by_row[1])
        cosines /= self.lengths[:, None] * others.lengths + np.float32(self.shrinkage + 1e-12)
        cosines[too_few] = 0
        return SharedCustomers(cosines, too_few)


def item_customers(customer_items: CustomerItems, k: int) -> ItemCustomers:
    """Return the customers of all items."""
    ones = customer_items.matrix(np.ones(len(customer_items), np.float32))
    sizes = np.diff(ones.indptr)
    rarity = (1.0 / np.sqrt(1.0 + sizes)).astype(np.float32)
    weighed = ones.copy()
    weighed.data = np.repeat(rarity, sizes)
    columns = sparse.csc_array(weighed)
    lengths = np.sqrt(np.asarray(columns.multiply(columns).sum(axis=0)).ravel())
    shrinkage = _SHRINKAGE * float(np.mean(rarity**2)) if len(rarity) else 0.0
    return ItemCustomers(sparse.csc_array(ones), columns, lengths.astype(np.float32), shrinkage, k)
