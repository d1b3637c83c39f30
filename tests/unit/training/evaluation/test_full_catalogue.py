"""Rankings of the whole catalogue by base models."""

import numpy as np
from threadpoolctl import threadpool_limits

from recsvc.domain.catalogue.slates import CustomerSlate
from tests.unit.training.builders import Line, training_data
from training.evaluation.full_catalogue import rank_base_models
from training.recommenders.registry import fit_base_models

# Everybody bought the last item, half of them the middle one; "shy" bought one of each.
BOUGHT: list[Line] = [
    *[("shy", item, 1.0) for item in ("a-rare", "b-common", "c-best")],
    *[(f"c{n}", "c-best", 2.0) for n in range(8)],
    *[(f"c{n}", "b-common", 3.0) for n in range(4)],
    ("c0", "d-other", 4.0),
]


def test_own_items_of_equal_count_are_in_the_order_of_popularity() -> None:
    """Own items with equal counts are ordered by popularity."""
    shop = training_data(BOUGHT)
    shy = np.array([shop.history.customers_total - 1])
    with threadpool_limits(1, "blas"):
        ranked = rank_base_models(fit_base_models(shop.history, 10.0, seed=0), shy, 4)

    for slate in (CustomerSlate.FOR_YOU, CustomerSlate.BUY_AGAIN):
        assert ranked[slate]["personal_frequency"].items[0, :3].tolist() == [2, 1, 0]
    assert ranked[CustomerSlate.FOR_YOU]["personal_frequency"].items[0, 3] == 3
