"""Constants of the base models that depend on the shop. `selection/constants_search.py` sets them.

No default is right for every shop: on Complete Journey an EASE penalty of 50 loses to 500; on a
shop without repeat purchases it wins by far.
"""

from dataclasses import dataclass

from training.dataset.training_data import HEAD_LIMIT


@dataclass(frozen=True, slots=True)
class AlsSize:
    """Factors and regularization of iALS. `is_scaled`: see `Als.is_scaled`."""

    factors: int = 128
    regularization: float = 30.0
    is_scaled: bool = True


@dataclass(frozen=True, slots=True)
class OrderGroups:
    """Orders per group of TIFU-KNN, and its two decays."""

    size: int = 7
    within_decay: float = 0.9
    group_decay: float = 0.7


@dataclass(frozen=True, slots=True)
class Constants:
    ease_penalty: float = 500.0
    als: AlsSize = AlsSize()
    neighbour_shrinkage: float = 20.0
    order_groups: OrderGroups = OrderGroups()
    peer_orders: int = 25  # latest orders that UP-CF counts
    head_limit: int = HEAD_LIMIT  # the most items that every base model scores; not searched
