"""What is known of a customer and an item of theirs: frequency, recency and rhythm."""

import numpy as np

from training.dataset.customer_items import CustomerItems
from training.dataset.history import History, decay
from training.features.table import FeatureTable, table_of
from training.recommenders.registry import FittedBaseModels
from training.recommenders.rhythm import intervals


def pair_facts(line_up: FittedBaseModels) -> FeatureTable:
    """Gather facts of every pair."""
    history, pairs = line_up.past.history, line_up.past.pairs
    order_ages = history.order_ages()
    own = {name: fitted.own.data for name, fitted in line_up.personal.items() if name != "rhythm"}
    recent = {f"last_{n}_orders": pairs.add_up(order_ages < n) for n in (3, 5, 10, 20)}
    return table_of(
        {
            **own,
            **recent,
            "decayed_orders": pairs.add_up(decay(order_ages, 5)),
            **_rhythm_facts(history, pairs),
            "first_age": history.ages()[pairs.first_lines],
            "quantity": pairs.add_up(history.quantities) / pairs.counts,
            "last_quantity": history.quantities[pairs.last_lines],
        }
    )


def _rhythm_facts(
    history: History, pairs: CustomerItems
) -> dict[str, np.typing.NDArray[np.number]]:
    order_ages = history.order_ages()
    interval, since = intervals(history, pairs)
    orders_since = order_ages[pairs.last_lines]
    share = pairs.counts / (order_ages[pairs.first_lines] + 1)  # of orders since the first
    return {
        "order_share": share,
        "days_since": since,
        "orders_since": orders_since,
        "interval": interval,
        "due": since / interval,
        "due_orders": orders_since * share,
    }
