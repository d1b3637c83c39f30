"""Who permits a purpose, over all customers of a shop, as of one moment. Writes nothing.

A scan is no moment: customers change while it runs. So what the history says of the time since
it began is read once more, until nothing has changed in between.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import redis

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.consent.hash_chain import ChainHead, read_row
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections, store_faults
from recsvc.stores.consents.consents import record_of
from recsvc.stores.consents.history import HistoryStore, latest_head
from recsvc.stores.consents.policy_clock import Minimums, PolicyClock, read_minimums

_KEYS_PER_SCAN = 1000
_ATTEMPTS = 20
_OWN_REPLIES = 4
_US = 1_000_000


@dataclass(frozen=True, slots=True)
class PermittedCustomers:
    """Who permits a purpose; of those who were erased before, when (µs).

    `watermark_us`: when the last change was recorded that is counted in; the store's clock for a
    shop whose consents never changed.
    """

    customers: frozenset[CustomerKey]
    watermark_us: int
    erased_at_us: Mapping[CustomerKey, int] = field(default_factory=dict)


_Permitted = dict[CustomerKey, int | None]  # who permits, and when they were erased before


@dataclass(frozen=True, slots=True)
class _Moment:
    now_us: int
    end: ChainHead
    minimums: Minimums | None


class ConsentedCustomers:
    def __init__(
        self, connections: Connections, history: HistoryStore, policy_clock: PolicyClock
    ) -> None:
        self._redis = connections.writes
        self._history = history
        self._policy_clock = policy_clock

    def permitted(self, shop: ShopName, purpose: Purpose) -> PermittedCustomers:
        """Return everybody who permits the purpose. A record that cannot be read does not."""
        with store_faults():
            for _ in range(_ATTEMPTS):
                found = self._attempt(shop, purpose)
                if found is not None:
                    return found
        raise StoreUnavailable("the consents are being changed by others all the time; try again")

    def _attempt(self, shop: ShopName, purpose: Purpose) -> PermittedCustomers | None:
        """Scan and catch up; None when the policy has changed meanwhile."""
        began, _ = self._read(shop, [])
        permitted = self._scan(shop, purpose, began)
        seen = began.end.count
        for _ in range(_ATTEMPTS):
            changed, seen = self._since(shop, seen)
            moment, fields = self._read(shop, changed)
            if moment.minimums != began.minimums:
                return None
            for customer in changed:
                permitted.pop(customer, None)
            permitted.update(self._permitting(changed, fields, purpose, moment))
            if moment.end.count <= seen:
                watermark_us = moment.end.at_us or moment.now_us
                erased = {who: at_us for who, at_us in permitted.items() if at_us is not None}
                return PermittedCustomers(frozenset(permitted), watermark_us, erased)
        return None

    def _read(self, shop: ShopName, customers: Sequence[CustomerKey]) -> tuple[_Moment, list[Any]]:
        """Read the end of the history, and these customers, as of one moment."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.time()
        pipeline.get(redis_keys.audit_head(shop))
        pipeline.xrevrange(redis_keys.history(shop), count=1)
        pipeline.hget(redis_keys.epochs(shop), redis_keys.POLICY)
        for customer in customers:
            pipeline.hgetall(redis_keys.customer(shop, customer))
        replies = pipeline.execute(raise_on_error=False)
        for reply in replies[:_OWN_REPLIES]:
            if isinstance(reply, redis.RedisError):
                raise reply
        (seconds, microseconds), stored, last, policy, *fields = replies
        now_us = seconds * _US + microseconds
        return _Moment(now_us, latest_head(shop, stored, last), read_minimums(policy)), fields

    def _scan(self, shop: ShopName, purpose: Purpose, moment: _Moment) -> _Permitted:
        permitted: _Permitted = {}
        cursor = None
        while cursor != 0:
            cursor, found = self._redis.scan(
                cursor or 0, redis_keys.any_customer(shop), _KEYS_PER_SCAN
            )
            named = map(redis_keys.customer_of, cast("list[bytes]", found))
            customers = [customer for customer in named if customer is not None]
            pipeline = self._redis.pipeline(transaction=False)
            for customer in customers:
                pipeline.hgetall(redis_keys.customer(shop, customer))
            fields = pipeline.execute(raise_on_error=False)
            permitted.update(self._permitting(customers, fields, purpose, moment))
        return permitted

    def _since(self, shop: ShopName, seen: int) -> tuple[list[CustomerKey], int]:
        """Return who has changed after so many rows, and how many rows there are now."""
        changed: dict[CustomerKey, None] = {}
        for link in self._history.walk(shop, seen + 1):
            row = read_row(link.row)
            if row is not None and row.customer is not None:
                changed[CustomerKey(bytes.fromhex(row.customer))] = None
            seen = link.n
        return list(changed), seen

    def _permitting(
        self,
        customers: Sequence[CustomerKey],
        fields: Sequence[Any],
        purpose: Purpose,
        moment: _Moment,
    ) -> _Permitted:
        permitted: _Permitted = {}
        for customer, found in zip(customers, fields, strict=True):
            if isinstance(found, dict):  # a key of another kind permits nothing
                record = record_of(found)
                status = self._policy_clock.status(record, moment.minimums, moment.now_us)
                if status.permits(purpose):
                    erased = record.tombstone
                    permitted[customer] = None if erased is None else erased.erased_at_us
        return permitted
