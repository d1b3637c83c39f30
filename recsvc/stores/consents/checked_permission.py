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
    """`standing` is None when it cannot be read: then nothing is permitted."""

    standing: ConsentStatus | None
    stored: bytes
    policy: bytes

    def admit(self, customer: CustomerKey, purpose: Purpose) -> Admitted | ConsentRefused:
        """Judge what was read, by the one rule."""
        return admit(customer, self.standing, purpose)

    def forgets(self, at_us: int | None) -> bool:
        """Whether what happened then, or nobody knows when, may be of before an erasure."""
        tombstone = None if self.standing is None else self.standing.record.tombstone
        return tombstone is not None and (at_us is None or tombstone.forgets(at_us))

    def permits(self, customer: CustomerKey, *purposes: Purpose) -> bool:
        return all(isinstance(self.admit(customer, each), Admitted) for each in purposes)


NOTHING = CheckedPermission(None, b"", b"")


def ask(pipeline: Pipeline, shop: ShopName, key: CustomerKey) -> None:
    """Put the questions whose REPLIES replies `permission_of` reads."""
    pipeline.hget(redis_keys.epochs(shop), redis_keys.POLICY)
    pipeline.hgetall(redis_keys.customer(shop, key))


def permission_of(policy: Any, fields: Any, policy_clock: PolicyClock) -> CheckedPermission:
    """Read the replies; an error of the store in place of one of them permits nothing."""
    if isinstance(policy, redis.RedisError) or not isinstance(fields, dict):
        return NOTHING
    parts = [part for pair in fields.items() for part in pair]
    standing = policy_clock.standing(decode(parts), read_minimums(policy))
    return CheckedPermission(standing, b"\n".join(parts), policy or b"")
