"""What one customer permits, as it was read: with the very bytes, so that a script can compare.

Consent is decided here, in Python, by the one rule of the domain; a script that writes on the
strength of it is given these bytes, and refuses when the store holds others by then.
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
    """`status` is None when it cannot be read: then nothing is permitted."""

    status: ConsentStatus | None
    stored: bytes
    policy: bytes

    def admit(self, customer: CustomerKey, purpose: Purpose) -> Admitted | ConsentRefused:
        """Judge what was read, by the one rule."""
        return admit(customer, self.status, purpose)

    def was_before_erasure(self, at_us: int | None) -> bool:
        """Whether what happened then, or nobody knows when, may be of before an erasure."""
        tombstone = None if self.status is None else self.status.record.tombstone
        return tombstone is not None and (at_us is None or tombstone.covers(at_us))

    def permits(self, customer: CustomerKey, *purposes: Purpose) -> bool:
        return all(isinstance(self.admit(customer, each), Admitted) for each in purposes)


NO_PERMISSION = CheckedPermission(None, b"", b"")


def queue_reads(pipeline: Pipeline, shop: ShopName, key: CustomerKey) -> None:
    """Put the questions whose REPLIES replies `read_permission` reads."""
    pipeline.hget(redis_keys.epochs(shop), redis_keys.POLICY)
    pipeline.hgetall(redis_keys.customer(shop, key))


def read_permission(policy: Any, fields: Any, policy_clock: PolicyClock) -> CheckedPermission:
    """Read the replies; an error of the store in place of one of them permits nothing."""
    if isinstance(policy, redis.RedisError) or not isinstance(fields, dict):
        return NO_PERMISSION
    parts = [part for pair in fields.items() for part in pair]
    status = policy_clock.status(decode(parts), read_minimums(policy))
    return CheckedPermission(status, b"\n".join(parts), policy or b"")
