"""Claims in the store: counted exactly under concurrency, durable before the response.

The caller decides eligibility and consent. The Lua scripts check that nothing the decision was
based on has changed, and that no cap is exceeded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis
from redis.typing import EncodableT as Encoded

from recsvc.domain.offers.claims import Claim, ClaimFailure, ClaimRefusal, ClaimState
from recsvc.domain.offers.stored_offer import StoredOffer
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import OfferId, ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections, store_faults
from recsvc.stores.client.memory_guard import check_memory
from recsvc.stores.consents import checked_permission as permission
from recsvc.stores.consents.checked_permission import (
    NO_PERMISSION,
    CheckedPermission,
    queue_reads,
    read_permission,
)
from recsvc.stores.consents.policy_clock import PolicyClock
from recsvc.stores.offers.claim_codec import ClaimAnswer, claim_of, read_answer, stored_claim
from recsvc.stores.offers.offers import queue_offer_reads, read_offer
from recsvc.stores.offers.scripts import (
    CANCEL,
    CANCEL_LATEST,
    CLAIM,
    RECORD_OFFER_EVENT,
    REDEEM,
    REDEEM_OLDEST,
    RELEASE,
    keys_of_offer,
)

_SECOND_US = 1_000_000
_REFUSALS = {
    b"window": ClaimRefusal.WINDOW,
    b"capped": ClaimRefusal.CAPPED,
    b"nothing_left": ClaimRefusal.NOTHING_LEFT,
    b"ended": ClaimRefusal.ENDED,
}


@dataclass(frozen=True, slots=True)
class ClaimAttempt:
    """A claim to be made, with the offer's revision and the permission that were decided on.

    `key_digest`: hexadecimal digest of the Idempotency-Key (empty: none). `request_digest`: of the
    request's content, to detect a different request with the same key.
    """

    claim_id: str
    offer: OfferId
    customer: CustomerKey
    revision: int = 0
    permission: CheckedPermission = NO_PERMISSION
    channel: str | None = None
    key_digest: str = ""
    request_digest: str = ""


@dataclass(frozen=True, slots=True)
class ClaimSnapshot:
    """The data that a claim is decided on, read at one time. `stored` None: no such offer."""

    stored: StoredOffer | None
    permission: CheckedPermission
    answer: ClaimAnswer | None


class ClaimStore:
    """`clock`: microseconds since 1970; None: the store's clock, the same for all workers."""

    def __init__(
        self,
        connections: Connections,
        hold_us: int,
        policy_clock: PolicyClock,
        clock: Callable[[], int] | None = None,
    ) -> None:
        self._policy_clock = policy_clock
        self._redis = connections.writes
        self._hold_us = hold_us
        self._clock = clock
        self._claim = connections.writes.register_script(CLAIM)
        self._redeem = connections.writes.register_script(REDEEM)
        self._redeem_oldest = connections.writes.register_script(REDEEM_OLDEST)
        self._release = connections.writes.register_script(RELEASE)
        self._cancel = connections.writes.register_script(CANCEL)
        self._cancel_latest = connections.writes.register_script(CANCEL_LATEST)
        self._record_event = connections.writes.register_script(RECORD_OFFER_EVENT)

    def check_memory(self) -> None:
        """Raise StoreUnavailable if the store has memory left for consents only."""
        check_memory(self._redis, "claims")

    def snapshot(
        self, shop: ShopName, customer: CustomerKey, offer: OfferId, key_digest: str = ""
    ) -> ClaimSnapshot:
        """Read the data that a claim is decided on, in one transaction."""
        with store_faults():
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.time()
            pipeline.hget(redis_keys.answers(shop, customer), key_digest)
            queue_offer_reads(pipeline, shop, offer)
            queue_reads(pipeline, shop, customer)
            replies = pipeline.execute(raise_on_error=False)
            for reply in replies[: -permission.REPLIES]:
                if isinstance(reply, redis.RedisError):
                    raise reply
        (seconds, microseconds), answer, *offer_replies, policy, fields = replies
        store_us = seconds * _SECOND_US + microseconds
        now_us = store_us if self._clock is None else self._clock()
        return ClaimSnapshot(
            read_offer(shop, offer_replies),
            read_permission(policy, fields, self._policy_clock),
            read_answer(offer, answer, now_us),
        )

    def permission(self, shop: ShopName, customer: CustomerKey) -> CheckedPermission:
        """Read the customer's permission."""
        pipeline = self._redis.pipeline(transaction=True)
        queue_reads(pipeline, shop, customer)
        with store_faults():
            policy, fields = pipeline.execute(raise_on_error=False)
        return read_permission(policy, fields, self._policy_clock)

    def claim(self, shop: ShopName, attempt: ClaimAttempt) -> Claim | ClaimRefusal | ClaimFailure:
        """Hold one redemption for the customer, with a code if the offer has codes."""
        permission, customer = attempt.permission, attempt.customer
        keys = [
            *keys_of_offer(shop, attempt.offer),
            redis_keys.customer(shop, customer),
            redis_keys.answers(shop, customer),
            redis_keys.claims_of(shop, customer),
        ]
        args: list[Encoded] = [
            attempt.revision,
            attempt.claim_id,
            customer.hex(),
            self._hold_us,
            permission.stored,
            permission.policy,
            attempt.key_digest,
            attempt.request_digest,
            redis_keys.ANSWER_SECONDS,
            redis_keys.CLAIM_SECONDS,
            attempt.channel or "",
        ]
        with store_faults():
            result, rest = self._claim(keys=keys, args=[attempt.offer, self._now(), *args])
        if result in (b"held", b"again"):
            return claim_of(attempt.offer, rest)
        if result == b"refused":
            return _REFUSALS[rest]
        return ClaimFailure.KEY_REUSED if result == b"reused" else ClaimFailure.CHANGED

    def find(self, shop: ShopName, claim_id: str) -> tuple[Claim, CustomerKey] | None:
        """Return a claim and its customer, as last written (an ended hold may still be `held`)."""
        with store_faults():
            fields = self._redis.hgetall(redis_keys.claim(shop, claim_id))
        return stored_claim(claim_id, fields)

    def redeem(
        self, shop: ShopName, offer: OfferId, claim_id: str, customer: CustomerKey | None
    ) -> ClaimState | ClaimRefusal | ClaimFailure:
        """Redeem a claim, once. After the end of its hold, only if a redemption is left.

        A cancelled claim stays cancelled. `customer` None: the claim of any customer.
        """
        return _redeemed(self._run_on_claim(self._redeem, shop, offer, claim_id, customer))

    def redeem_oldest(
        self, shop: ShopName, offer: OfferId, customer: CustomerKey, use: str, made_by_us: int
    ) -> ClaimState | ClaimRefusal | ClaimFailure:
        """Redeem the customer's oldest open hold made by `made_by_us`, once per `use`.

        NOT_FOUND: the customer has no such hold.
        """
        found = self._run_on_customer(self._redeem_oldest, shop, offer, customer, use, made_by_us)
        return _redeemed(found)

    def release(
        self, shop: ShopName, offer: OfferId, claim_id: str, customer: CustomerKey | None
    ) -> ClaimState | ClaimFailure:
        """Release a held claim; return its state. A redeemed claim stays redeemed."""
        state = self._run_on_claim(self._release, shop, offer, claim_id, customer)
        return ClaimFailure.NOT_FOUND if state == b"unknown" else ClaimState(state.decode())

    def cancel(
        self, shop: ShopName, offer: OfferId, claim_id: str, customer: CustomerKey | None
    ) -> ClaimState | ClaimFailure:
        """Cancel a claim for good, and give back what it holds or has redeemed.

        `customer` None: the claim of any customer.
        """
        return _cancelled(self._run_on_claim(self._cancel, shop, offer, claim_id, customer))

    def cancel_latest(
        self, shop: ShopName, offer: OfferId, customer: CustomerKey, use: str, made_by_us: int
    ) -> ClaimState | ClaimFailure:
        """Cancel the latest redeemed claim of the customer made by `made_by_us`, once per `use`.

        NOT_FOUND: the customer has no such redemption.
        """
        found = self._run_on_customer(self._cancel_latest, shop, offer, customer, use, made_by_us)
        return _cancelled(found)

    def record_offer_event(
        self,
        shop: ShopName,
        offer: OfferId,
        kind: str,
        *,
        use: str | None = None,
        customer: CustomerKey | None = None,
        permission: CheckedPermission | None = None,
    ) -> bool | ClaimFailure:
        """Count an offer as `shown` or `accepted`, or store that it was `dismissed`.

        `use`: the decision's use, which counts once. `customer` None: nothing is stored for a
        customer. Returns whether the event counted now, or CHANGED.
        """
        checked = permission or NO_PERMISSION
        customer_key = CustomerKey(b"" if customer is None else customer)
        keys = [
            *keys_of_offer(shop, offer),
            redis_keys.spent(shop, use or ""),
            redis_keys.customer(shop, customer_key),
        ]
        is_one_use = "" if use is None else "1"
        args: list[Encoded] = [kind, customer_key.hex(), checked.stored, checked.policy, is_one_use]
        args.append(redis_keys.SPENT_SECONDS)
        with store_faults():
            result = self._record_event(keys=keys, args=[offer, self._now(), *args])
        return ClaimFailure.CHANGED if result == b"changed" else bool(result == b"done")

    def _run_on_claim(
        self,
        script: Any,
        shop: ShopName,
        offer: OfferId,
        claim_id: str,
        customer: CustomerKey | None,
    ) -> bytes:
        owner = "" if customer is None else customer.hex()
        args: list[Encoded] = [offer, self._now(), claim_id, owner, redis_keys.CLAIM_SECONDS]
        with store_faults():
            return bytes(script(keys=keys_of_offer(shop, offer), args=args))

    def _run_on_customer(
        self,
        script: Any,
        shop: ShopName,
        offer: OfferId,
        customer: CustomerKey,
        use: str,
        made_by_us: int,
    ) -> bytes:
        """Run a script that finds the claim itself, for claims made by `made_by_us`."""
        keys = [*keys_of_offer(shop, offer), redis_keys.spent(shop, use)]
        lives = [redis_keys.CLAIM_SECONDS, redis_keys.SPENT_SECONDS]
        args: list[Encoded] = [offer, self._now(), made_by_us, customer.hex(), *lives]
        with store_faults():
            return bytes(script(keys=keys, args=args))

    def _now(self) -> Encoded:
        return "" if self._clock is None else self._clock()


def _redeemed(result: bytes) -> ClaimState | ClaimRefusal | ClaimFailure:
    if result == b"nothing_left":
        return ClaimRefusal.NOTHING_LEFT
    return ClaimFailure.NOT_FOUND if result == b"unknown" else ClaimState(result.decode())


def _cancelled(result: bytes) -> ClaimState | ClaimFailure:
    return ClaimFailure.NOT_FOUND if result == b"unknown" else ClaimState.CANCELLED
