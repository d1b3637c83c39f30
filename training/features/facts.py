"""All features at one cutoff, computed once and looked up for candidates. Uses no later data.

Features have a group, so that a ranker can leave out those of items, which are the same for all
customers, or use scores only.
"""

from dataclasses import dataclass

import numpy as np

from training.dataset.history import Floats, Rows
from training.features.category import CategoryFacts, category_facts
from training.features.customer import customer_facts
from training.features.item import item_facts
from training.features.pair import pair_facts
from training.features.price import price_levels
from training.features.table import FeatureTable
from training.recommenders.registry import FittedBaseModels

Column = tuple[str, str]  # group, name

_TINY = np.float32(1e-6)


@dataclass(frozen=True, slots=True)
class Facts:
    pair: FeatureTable
    item: FeatureTable
    customer: FeatureTable
    category: CategoryFacts | None
    prices: tuple[Floats, Floats] | None  # (items,), (customers,)

    def columns(self) -> tuple[Column, ...]:
        """Return group and name of each column that `at` returns."""
        tables = [("pair", self.pair), ("item", self.item), ("customer", self.customer)]
        if self.category is not None:
            tables += [("category", self.category.of_pair), ("item", self.category.of_category)]
        columns = [(group, name) for group, table in tables for name in table.names]
        if self.category is not None:
            columns += [("category", "share_of_category"), ("category", "item_part_of_category")]
        if self.prices is not None:
            columns += [("category", "price_against_customer")]
        return tuple(columns)

    def at(self, customers: Rows, items: Rows, places: Rows) -> Floats:
        """Look up candidates; `places` are their customer-item pairs."""  # (rows, columns)
        pair, item = self.pair.at(places), self.item.at(items)
        parts = [pair, item, self.customer.at(customers)]
        if self.category is not None:
            own, wide = self.category.at(customers, items)
            parts += [own, wide, self.parts_of_category(self.category, pair, item, own, wide)]
        if self.prices is not None:
            of_item, of_customer = self.prices
            parts.append((of_item[items] - of_customer[customers])[:, None])
        return np.hstack(parts)

    def parts_of_category(
        self, category: CategoryFacts, pair: Floats, item: Floats, own: Floats, wide: Floats
    ) -> Floats:
        """Return the item's share of its category, in all sales and in the customer's."""
        share = np.exp(self.item.of(item, "log_share_recent"))
        whole = np.exp(category.of_category.of(wide, "category_log_share"))
        bought = np.nan_to_num(self.pair.of(pair, "decayed_medium"))
        taste = np.nan_to_num(category.of_pair.of(own, "category_decayed"))
        return np.column_stack([share / (whole + _TINY), bought / (taste + _TINY)])


def gather_facts(base_models: FittedBaseModels, horizon_days: float) -> Facts:
    training_data = base_models.training_data
    history, customer_items = training_data.history, training_data.customer_items
    return Facts(
        pair=pair_facts(base_models),
        item=item_facts(history, customer_items, horizon_days),
        customer=customer_facts(history, customer_items, horizon_days),
        category=category_facts(history, customer_items, horizon_days),
        prices=price_levels(history),
    )
