"""Features of a customer and an item that they bought: frequency, recency and rhythm."""

import numpy as np

from training.dataset.customer_items import CustomerItems
from training.dataset.history import History, decay
from training.features.table import FeatureTable, table_of
from training.recommenders.registry import FittedBaseModels
from training.recommenders.rhythm import intervals


def pair_facts(base_models: FittedBaseModels) -> FeatureTable:
    """Compute the features of every pair."""
    training_data = base_models.training_data
    history, customer_items = training_data.history, training_data.customer_items
    order_ages = history.order_ages()
    own = {
        name: fitted.own.data for name, fitted in base_models.personal.items() if name != "rhythm"
    }
    recent = {f"last_{n}_orders": customer_items.add_up(order_ages < n) for n in (3, 5, 10, 20)}
    return table_of(
        {
            **own,
            **recent,
            "decayed_orders": customer_items.add_up(decay(order_ages, 5)),
            **_rhythm_facts(history, customer_items),
            "first_age": history.ages()[customer_items.first_lines],
            "quantity": customer_items.add_up(history.quantities) / customer_items.counts,
            "last_quantity": history.quantities[customer_items.last_lines],
        }
    )


def _rhythm_facts(
    history: History, customer_items: CustomerItems
) -> dict[str, np.typing.NDArray[np.number]]:
    order_ages = history.order_ages()
    interval, since = intervals(history, customer_items)
    orders_since = order_ages[customer_items.last_lines]
    share = customer_items.counts / (
        order_ages[customer_items.first_lines] + 1
    )  # of orders since the first
    return {
        "order_share": share,
        "days_since": since,
        "orders_since": orders_since,
        "interval": interval,
        "due": since / interval,
        "due_orders": orders_since * share,
    }
