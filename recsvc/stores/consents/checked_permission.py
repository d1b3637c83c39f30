"""The consent of one customer with the stored bytes it was read from.

Python decides by the rule of the domain. A script that writes because of that decision gets the
bytes, and refuses to write if the store holds others by then.
"""

from dataclasses import dataclass
from typing import Any

import redis
from redis.client import Pipeline

from recsvc.domain.consent.consent import ConsentStatus, Purpose
from recsvc.domain.consent.gate import Admitted, ConsentRefused, admit
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.consents.policy_clock import PolicyClock, read_minimums
from recsvc.stores.consents.record_codec import decode

REPLIES = 2


@dataclass(frozen=True, slots=True)
class CheckedPermission:
    """`status` None: the consent could not be read, and permits nothing."""

    status: ConsentStatus | None
    stored: bytes
    policy: bytes

    def admit(self, customer: CustomerKey, purpose: Purpose) -> Admitted | ConsentRefused:
        """Decide by the rule of the domain."""
        return admit(customer, self.status, purpose)

    def was_before_erasure(self, at_us: int | None) -> bool:
        """Return True if an event of that time is erased; None (unknown time) counts as erased."""
        tombstone = None if self.status is None else self.status.record.tombstone
        return tombstone is not None and (at_us is None or tombstone.covers(at_us))

    def permits(self, customer: CustomerKey, *purposes: Purpose) -> bool:
        return all(isinstance(self.admit(customer, each), Admitted) for each in purposes)


NO_PERMISSION = CheckedPermission(None, b"", b"")


def queue_reads(pipeline: Pipeline, shop: ShopName, key: CustomerKey) -> None:
    """Queue the commands whose REPLIES replies `read_permission` decodes."""
    pipeline.hget(redis_keys.epochs(shop), redis_keys.POLICY)
    pipeline.hgetall(redis_keys.customer(shop, key))


def read_permission(policy: Any, fields: Any, policy_clock: PolicyClock) -> CheckedPermission:
    """Decode the replies; an error in one of them permits nothing."""
    if isinstance(policy, redis.RedisError) or not isinstance(fields, dict):
        return NO_PERMISSION
    parts = [part for pair in fields.items() for part in pair]
    status = policy_clock.status(decode(parts), read_minimums(policy))
    return CheckedPermission(status, b"\n".join(parts), policy or b"")
