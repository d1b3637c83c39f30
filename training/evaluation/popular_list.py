"""Quality of `popular` as ranked and as served: the service limits the repetition of categories."""

from collections.abc import Mapping, Sequence

import numpy as np

from recsvc.model.ranking.category_limit import CATEGORY_POOL, spread_categories
from training.dataset.customer_items import customer_items_of
from training.dataset.ground_truth import GroundTruth
from training.dataset.history import History, Rows
from training.lists.item_lists import popular, recent_orders
from training.metrics import ranking_quality as metrics
from training.metrics.ranking_quality import Values, mean_of
from training.metrics.results import MAIN_K, PopularList


def measure_popular(
    known: History,
    ground_truth: GroundTruth,
    leaves: Rows,
    k_anonymity: int,
    judged_on: str,
) -> PopularList | None:
    """Measure the list of the purchases `known` on later ones; None without any.

    `leaves` (items,) has equal numbers for items of one category, -1 for none.
    """
    customers = ground_truth.customers
    if not len(customers):
        return None
    shown = customer_items_of(known).buyers >= k_anonymity
    ranked = popular(recent_orders(known), shown).items[:CATEGORY_POOL]
    served = ranked[spread_categories(leaves[ranked].tolist())]

    def ndcg(items: Rows) -> Values:
        lists = np.tile(items[:MAIN_K], (len(customers), 1))
        hits = metrics.hits_of(ground_truth, customers, lists)
        return metrics.ndcg(hits, ground_truth.relevant[customers], MAIN_K)

    before, after = ndcg(ranked), ndcg(served)
    return PopularList(judged_on, mean_of(before), mean_of(after), mean_of(after - before))


def leaf_codes(item_ids: Sequence[str], categories: Mapping[str, str]) -> Rows:
    """Return a number for the category of each item, -1 for none."""
    row_of = {name: row for row, name in enumerate(sorted(set(categories.values())))}
    return np.array(
        [row_of[categories[item]] if item in categories else -1 for item in item_ids],
        dtype=np.int64,
    )
