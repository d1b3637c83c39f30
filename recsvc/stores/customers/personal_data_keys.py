"""What is held of one customer under a key of the customer's own: one row per kind of key.

Erasure removes every one of them and the receipt tells of each by its name. A store that begins to
keep something of customers adds its row here; a test sees to that. Most go in the erasure's one
step. What has more to it than the key (claims are given back) its own store forgets, after that
step has shut the customer out. What an erasure keeps, the tombstone and the numbers of the
history's rows, stands in `KEPT`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from redis.client import Pipeline

from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys

KeyOf = Callable[[ShopName, CustomerKey], str]


@dataclass(frozen=True, slots=True)
class PersonalDataKey:
    """A kind of key. `queue_size`: ask how much is in one."""

    name: str
    key: KeyOf
    queue_size: Callable[[Pipeline, str], object]
    removed_by_store: bool = False


class Erasable(Protocol):
    """A store that forgets what it holds of a customer; twice is as once."""

    def forget(self, shop: ShopName, key: CustomerKey, /) -> None: ...


def _values(asking: Pipeline, name: str) -> object:
    return asking.exists(name)


def _fields(asking: Pipeline, name: str) -> object:
    return asking.hlen(name)


def _entries(asking: Pipeline, name: str) -> object:
    return asking.llen(name)


def _members(asking: Pipeline, name: str) -> object:
    return asking.zcard(name)


PERSONAL_DATA_KEYS = (
    PersonalDataKey("profile", redis_keys.profile, _values),
    PersonalDataKey("recent_events", redis_keys.recent, _entries),
    PersonalDataKey("purchases", redis_keys.purchases, _entries),
    PersonalDataKey("offer_caps", redis_keys.caps, _fields, removed_by_store=True),
    PersonalDataKey("claims", redis_keys.claims_of, _members, removed_by_store=True),
    PersonalDataKey("idempotency_answers", redis_keys.answers, _fields, removed_by_store=True),
    PersonalDataKey("decisions", redis_keys.decisions_of, _members, removed_by_store=True),
)
KEPT: tuple[KeyOf, ...] = (redis_keys.customer, redis_keys.history_of)
