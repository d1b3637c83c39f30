"""Store decisions for some days, only of customers who permit analytics.

Permission is checked at the write and again at each read. The script compares the consent record
with the one that was checked, so nothing is written after a withdrawal or an erasure.

The log to be drained holds ids only: the content expires and is erased with the decision.
"""

from collections.abc import Sequence
from typing import cast

import msgspec
from redis.typing import EncodableT as Encoded

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.offers.decision_ids import DecisionId
from recsvc.domain.offers.decision_record import DecisionRecord
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections, store_faults
from recsvc.stores.client.lua import load_script
from recsvc.stores.consents import checked_permission as permission
from recsvc.stores.consents.checked_permission import CheckedPermission
from recsvc.stores.consents.policy_clock import PolicyClock
from recsvc.stores.events.event_log import decision_id_log

MAX_PER_CUSTOMER = 200  # the oldest are deleted

_SECONDS_OF_DAY = 86_400
_DECISIONS_PER_READ = 1000

_SAVE_DECISION = load_script("offers/save_decision.lua")


class _Record(msgspec.Struct):
    customer: str
    at_us: int
    content: msgspec.Raw


class DecisionStore:
    def __init__(self, connections: Connections, days: int, policy_clock: PolicyClock) -> None:
        self._policy_clock = policy_clock
        self.log = decision_id_log(connections)
        self._redis = connections.writes
        self._seconds = days * _SECONDS_OF_DAY
        self._save = connections.writes.register_script(_SAVE_DECISION)

    def save(self, shop: ShopName, decisions: Sequence[DecisionRecord]) -> int:
        """Store the decisions whose customers permit it; return how many.

        A decision from before the customer's erasure, which waited in a batch, is dropped.
        """
        permitting = self._permitting(shop, {each.customer for each in decisions})
        pipeline = self._redis.pipeline(transaction=False)
        for each in decisions:
            checked = permitting.get(each.customer)
            if checked is not None and not checked.was_before_erasure(each.at_us):
                keys, args = self._keys_and_args(shop, each, checked)
                self._save(keys=keys, args=args, client=pipeline)
        with store_faults():
            return sum(pipeline.execute())

    def get(self, shop: ShopName, decision_id: str) -> DecisionRecord | None:
        """Return a decision; None if it does not exist or its customer no longer permits it."""
        found = self.permitted(shop, [decision_id])
        return found[0] if found else None

    def permitted(self, shop: ShopName, ids: Sequence[str]) -> list[DecisionRecord]:
        """Return the decisions that exist and that their customers still permit."""
        permitted: list[DecisionRecord] = []
        for start in range(0, len(ids), _DECISIONS_PER_READ):
            found = self._read(shop, ids[start : start + _DECISIONS_PER_READ])
            permitting = self._permitting(shop, {each.customer for each in found})
            permitted += [each for each in found if each.customer in permitting]
        return permitted

    def of_customer(self, shop: ShopName, key: CustomerKey) -> list[DecisionRecord]:
        """Return all of the customer's decisions, oldest first, without a check of permission."""
        return self._read(shop, self._ids(shop, key))

    def _read(self, shop: ShopName, ids: Sequence[str]) -> list[DecisionRecord]:
        if not ids:
            return []
        with store_faults():
            stored = self._redis.mget([redis_keys.decision(shop, each) for each in ids])
        found = zip(ids, cast("list[bytes | None]", stored), strict=True)
        decisions = (_decision(decision_id, record) for decision_id, record in found)
        return [each for each in decisions if each is not None]

    def forget(self, shop: ShopName, key: CustomerKey) -> None:
        """Delete the customer's decisions and their entries in the log to be drained."""
        self.log.delete_customer(shop, key)
        names = [redis_keys.decision(shop, each) for each in self._ids(shop, key)]
        with store_faults():
            self._redis.delete(*names, redis_keys.decisions_of(shop, key))

    def _ids(self, shop: ShopName, key: CustomerKey) -> list[str]:
        with store_faults():
            found = self._redis.zrange(redis_keys.decisions_of(shop, key), 0, -1)
        return [name.decode() for name in cast("list[bytes]", found)]

    def _permitting(
        self, shop: ShopName, customers: set[CustomerKey]
    ) -> dict[CustomerKey, CheckedPermission]:
        pipeline = self._redis.pipeline(transaction=False)
        ordered = list(customers)
        for customer in ordered:
            permission.queue_reads(pipeline, shop, customer)
        with store_faults():
            replies = pipeline.execute(raise_on_error=False)
        checked = {
            customer: permission.read_permission(
                replies[place], replies[place + 1], self._policy_clock
            )
            for customer, place in zip(
                ordered, range(0, len(replies), permission.REPLIES), strict=True
            )
        }
        return {
            customer: each
            for customer, each in checked.items()
            if each.permits(customer, Purpose.ANALYTICS)
        }

    def _keys_and_args(
        self, shop: ShopName, decision: DecisionRecord, checked: CheckedPermission
    ) -> tuple[list[str], list[Encoded]]:
        keys = [
            redis_keys.decision(shop, decision.decision_id),
            redis_keys.decisions_of(shop, decision.customer),
            redis_keys.customer(shop, decision.customer),
            redis_keys.epochs(shop),
            redis_keys.decision(shop, ""),
            redis_keys.decisions_log(shop),
        ]
        record = _Record(decision.customer.hex(), decision.at_us, msgspec.Raw(decision.content))
        args: list[Encoded] = [
            checked.stored,
            checked.policy,
            decision.decision_id,
            decision.at_us,
            msgspec.json.encode(record),
            self._seconds,
            MAX_PER_CUSTOMER,
            decision.customer.hex(),
        ]
        return keys, args


def _decision(decision_id: str, stored: bytes | None) -> DecisionRecord | None:
    if stored is None:
        return None
    try:
        record = msgspec.json.decode(stored, type=_Record)
        customer = CustomerKey(bytes.fromhex(record.customer))
    except (msgspec.DecodeError, ValueError):
        return None
    return DecisionRecord(DecisionId(decision_id), customer, record.at_us, bytes(record.content))
