"""List the customers of a shop who permit a purpose, consistent as of one time. Read-only.

Customers change while a scan runs. So the customers that the history names since its start are read
again, until no row is missed.
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
    """Customers who permit a purpose, and the erasure times (µs) of the re-admitted ones.

    `watermark_us`: the time of the last included change; the store's clock if there is none.
    """

    customers: frozenset[CustomerKey]
    watermark_us: int
    erased_at_us: Mapping[CustomerKey, int] = field(default_factory=dict)


_Permitted = dict[CustomerKey, int | None]  # customers who permit → earlier erasure (µs)


@dataclass(frozen=True, slots=True)
class _Snapshot:
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
        """Return the customers who permit the purpose; an unreadable record permits nothing."""
        with store_faults():
            for _ in range(_ATTEMPTS):
                found = self._attempt(shop, purpose)
                if found is not None:
                    return found
        raise StoreUnavailable("too many concurrent changes of consents; try again")

    def _attempt(self, shop: ShopName, purpose: Purpose) -> PermittedCustomers | None:
        """Scan and catch up; None if the policy changed during the scan."""
        began, _ = self._read(shop, [])
        permitted = self._scan(shop, purpose, began)
        seen = began.end.count
        for _ in range(_ATTEMPTS):
            changed, seen = self._since(shop, seen)
            snapshot, fields = self._read(shop, changed)
            if snapshot.minimums != began.minimums:
                return None
            for customer in changed:
                permitted.pop(customer, None)
            permitted.update(self._permitting(changed, fields, purpose, snapshot))
            if snapshot.end.count <= seen:
                watermark_us = snapshot.end.at_us or snapshot.now_us
                erased = {key: at_us for key, at_us in permitted.items() if at_us is not None}
                return PermittedCustomers(frozenset(permitted), watermark_us, erased)
        return None

    def _read(
        self, shop: ShopName, customers: Sequence[CustomerKey]
    ) -> tuple[_Snapshot, list[Any]]:
        """Read the end of the history and these customers in one transaction."""
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
        return _Snapshot(now_us, latest_head(shop, stored, last), read_minimums(policy)), fields

    def _scan(self, shop: ShopName, purpose: Purpose, snapshot: _Snapshot) -> _Permitted:
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
            permitted.update(self._permitting(customers, fields, purpose, snapshot))
        return permitted

    def _since(self, shop: ShopName, seen: int) -> tuple[list[CustomerKey], int]:
        """Return the customers named by rows after `seen`, and the number of the last row."""
        changed: dict[CustomerKey, None] = {}
        for link in self._history.chained_rows(shop, seen + 1):
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
        snapshot: _Snapshot,
    ) -> _Permitted:
        permitted: _Permitted = {}
        for customer, found in zip(customers, fields, strict=True):
            if isinstance(found, dict):  # a key of another kind permits nothing
                record = record_of(found)
                status = self._policy_clock.status(record, snapshot.minimums, snapshot.now_us)
                if status.permits(purpose):
                    tombstone = record.tombstone
                    permitted[customer] = None if tombstone is None else tombstone.erased_at_us
        return permitted
