"""Redis keys that hold personal data of one customer: one row per kind of key.

An erasure removes all of them, and its receipt reports each by name. A store that adds such a key
adds a row here, which a test enforces. Most keys are removed in the atomic step of the erasure. A
store removes its own keys after that step where more than the key is involved (claims return their
caps). `KEPT` lists the keys that an erasure keeps: the tombstone, and the numbers of history rows.
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
    """A kind of key. `queue_size`: queue the command that counts its entries."""

    name: str
    key: KeyOf
    queue_size: Callable[[Pipeline, str], object]
    removed_by_store: bool = False


class Erasable(Protocol):
    """A store that removes its data of one customer; `forget` is idempotent."""

    def forget(self, shop: ShopName, key: CustomerKey, /) -> None: ...


def _values(pipeline: Pipeline, name: str) -> object:
    return pipeline.exists(name)


def _fields(pipeline: Pipeline, name: str) -> object:
    return pipeline.hlen(name)


def _entries(pipeline: Pipeline, name: str) -> object:
    return pipeline.llen(name)


def _members(pipeline: Pipeline, name: str) -> object:
    return pipeline.zcard(name)


PERSONAL_DATA_KEYS = (
    PersonalDataKey("profile", redis_keys.profile, _values),
    PersonalDataKey("recent_events", redis_keys.recent, _entries),
    PersonalDataKey("impressions", redis_keys.impressions, _entries),
    PersonalDataKey("purchases", redis_keys.purchases, _values),
    PersonalDataKey("offer_caps", redis_keys.caps, _fields, removed_by_store=True),
    PersonalDataKey("claims", redis_keys.claims_of, _members, removed_by_store=True),
    PersonalDataKey("idempotency_answers", redis_keys.answers, _fields, removed_by_store=True),
    PersonalDataKey("decisions", redis_keys.decisions_of, _members, removed_by_store=True),
)
KEPT: tuple[KeyOf, ...] = (redis_keys.customer, redis_keys.history_of)
