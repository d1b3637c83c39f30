"""Features of a customer and a category, and of a category alone."""

from dataclasses import dataclass, replace

import numpy as np

from training.dataset.customer_items import CustomerItems, customer_items_of
from training.dataset.history import Floats, History, Rows, decay
from training.features.table import FeatureTable, log_share, table_of
from training.recommenders.popularity import buyer_share
from training.recommenders.rhythm import intervals


@dataclass(frozen=True, slots=True)
class CategoryFacts:
    categories: Rows  # (items,) −1 where unknown
    customer_items: CustomerItems  # customers × categories
    of_pair: FeatureTable
    of_category: FeatureTable

    def at(self, customers: Rows, items: Rows) -> tuple[Floats, Floats]:
        """Return the features of each candidate's customer and category, and of its category."""
        categories = self.categories[items]
        places = self.customer_items.find(customers, np.maximum(categories, 0))
        own = self.of_pair.at(np.where(categories >= 0, places, -1))
        return own, self.of_category.at(categories)


def category_facts(
    history: History, customer_items: CustomerItems, horizon_days: float
) -> CategoryFacts | None:
    """Compute the features; return None without categories."""
    if history.categories is None:
        return None
    lines = _by_category(history, history.categories)
    both = customer_items_of(lines)
    return CategoryFacts(
        history.categories,
        both,
        _pair_table(
            lines, both, _distinct_items(customer_items, both, history.categories), horizon_days
        ),
        _category_table(lines, history.categories[customer_items.buyers > 0], horizon_days),
    )


def _by_category(history: History, categories: Rows) -> History:
    """Return the history with each line's item replaced by its category."""
    total = int(categories.max(initial=0)) + 1
    known = history.only(categories[history.items] >= 0, now=history.now)
    return replace(known, items=categories[known.items], items_total=total)


def _distinct_items(customer_items: CustomerItems, both: CustomerItems, categories: Rows) -> Rows:
    """Count the distinct items of a category that each customer has bought."""
    of_pair = categories[customer_items.items]
    known = of_pair >= 0
    places = both.find(customer_items.customers[known], of_pair[known])
    return np.bincount(places, minlength=len(both))


def _pair_table(
    lines: History, both: CustomerItems, distinct: Rows, horizon_days: float
) -> FeatureTable:
    interval, since = intervals(lines, both)
    decayed = both.add_up(decay(lines.ages(), 3 * horizon_days))
    whole = np.bincount(both.customers, decayed, lines.customers_total)
    return table_of(
        {
            "category_decayed": both.add_up(decay(lines.ages(), 1.5 * horizon_days)),
            "category_share": decayed / np.maximum(whole[both.customers], 1e-6),
            "category_count": both.counts,
            "category_days_since": since,
            "category_due": since / np.maximum(interval, 1e-3),
            "category_distinct": distinct,
            "category_variety": distinct / np.maximum(both.counts, 1),
        }
    )


def _category_table(lines: History, categories: Rows, horizon_days: float) -> FeatureTable:
    """Compute the features; `categories` are those of the items bought until now."""
    recent = log_share(buyer_share(lines, 0.0, horizon_days))
    latest = log_share(buyer_share(lines, 0.0, 0.25 * horizon_days))
    items = np.bincount(categories[categories >= 0], minlength=lines.items_total)
    return table_of(
        {
            "category_log_share": recent,
            "category_trend": latest - recent,
            "category_items": np.log1p(items),
        }
    )
