"""Ground truth: purchases after a cutoff, by slate, of customers and items known before it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recsvc.domain.catalogue.slates import CustomerSlate
from training.dataset.customer_items import CustomerItems
from training.dataset.history import Flags, Rows
from training.dataset.segments import distinct
from training.dataset.slate_rules import RULES


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """Sorted keys customer · items_total + item, and the number of keys per customer."""

    keys: Rows  # (relevant,)
    relevant: Rows  # (customers_total,)
    items_total: int

    @property
    def customers(self) -> Rows:
        """Return the customers with at least one relevant item."""
        return np.flatnonzero(self.relevant)

    @property
    def items(self) -> Rows:
        return self.keys % max(self.items_total, 1)

    def holds(self, customers: Rows, items: Rows) -> Flags:
        wanted = customers * self.items_total + items
        if not len(self.keys):
            return np.zeros(len(wanted), dtype=bool)
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.asarray(self.keys[place] == wanted)

    def only(self, items: Flags) -> "GroundTruth":
        """Keep the items that `items` marks."""  # (items_total,)
        return ground_truth_of(self.keys[items[self.items]], len(self.relevant), self.items_total)


GroundTruths = Mapping[CustomerSlate, GroundTruth]


def ground_truth_of(keys: Rows, customers_total: int, items_total: int) -> GroundTruth:
    unique = distinct(keys)
    relevant = np.bincount(unique // max(items_total, 1), minlength=customers_total)
    return GroundTruth(unique, relevant, items_total)


def ground_truths_of(customer_items: CustomerItems, customers: Rows, items: Rows) -> GroundTruths:
    """Split lines bought later by slate: the ground truth of a slate is the items it may show.

    Customers and items without an earlier purchase (in `customer_items`) are left out.
    """
    seen = customer_items.knows(customers, items)
    customers, items = customers[seen], items[seen]
    keys = customers * customer_items.items_total + items
    repeated = customer_items.find(customers, items) >= 0
    sizes = (customer_items.customers_total, customer_items.items_total)
    return {
        slate: ground_truth_of(keys[rule.shown(repeated)], *sizes) for slate, rule in RULES.items()
    }


def customers_to_predict(ground_truths: GroundTruths) -> Rows:
    """Return the customers with a relevant item in any slate, ascending."""
    return np.unique(
        np.concatenate([ground_truth.customers for ground_truth in ground_truths.values()])
    )
