"""What is held of one customer under a key of the customer's own: one row per kind of key.

Erasure removes every one of them in its one step, and the receipt tells of each by its name. A
store that begins to keep something of customers adds its row here; a test sees to that. What an
erasure keeps, the tombstone and the numbers of the history's rows, stands in `KEPT`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from redis.client import Pipeline

from recsvc.domain.identity import CustomerKey
from recsvc.domain.ids import ShopName
from recsvc.stores import redis_keys

KeyOf = Callable[[ShopName, CustomerKey], str]


@dataclass(frozen=True, slots=True)
class Holding:
    """A kind of key. `ask_size`: ask how much is in one."""

    name: str
    key: KeyOf
    ask_size: Callable[[Pipeline, str], object]


HOLDINGS = (
    Holding("profile", redis_keys.profile, lambda asking, name: asking.exists(name)),
    Holding("recent_events", redis_keys.recent, lambda asking, name: asking.llen(name)),
)
KEPT: tuple[KeyOf, ...] = (redis_keys.customer, redis_keys.history_of)
