"""Claims in the store: exact whoever claims at once, durable before they are told, and once each.

Whether a customer may have an offer at all is decided by whoever calls; the scripts see to it
that nothing that was decided on has changed since, and that no cap is passed.
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
from recsvc.stores.client.memory_guard import check_room
from recsvc.stores.consents import checked_permission as permission
from recsvc.stores.consents.checked_permission import (
    NO_PERMISSION,
    CheckedPermission,
    queue_reads,
    read_permission,
)
from recsvc.stores.consents.policy_clock import PolicyClock
from recsvc.stores.offers.offers import queue_offer_reads, read_offer
from recsvc.stores.offers.scripts import (
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
    """Who claims what, on the strength of which revision and permission.

    `key_digest` and `request_digest` are hexadecimal: of the Idempotency-Key (empty: none), and of
    everything that makes this request another than one with the same key.
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
class ClaimAnswer:
    """What an Idempotency-Key was answered with, and the mark of the request that it came with."""

    request_digest: str
    claim: Claim


@dataclass(frozen=True, slots=True)
class ClaimSnapshot:
    """What there is to decide on, of one moment. `stored` None: there is no such offer."""

    stored: StoredOffer | None
    permission: CheckedPermission
    answer: ClaimAnswer | None


class ClaimStore:
    """`clock`: microseconds since 1970; None: the store's own, the same for every worker."""

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
        self._record_event = connections.writes.register_script(RECORD_OFFER_EVENT)

    def check_room(self) -> None:
        """Raise StoreUnavailable when the store is so full that claims would crowd out consent."""
        check_room(self._redis, "claims")

    def snapshot(
        self, shop: ShopName, customer: CustomerKey, offer: OfferId, key_digest: str = ""
    ) -> ClaimSnapshot:
        """Read, in one step, all that is decided on."""
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
        (seconds, microseconds), answer, *of_offer, policy, fields = replies
        store_us = seconds * _SECOND_US + microseconds
        now_us = store_us if self._clock is None else self._clock()
        return ClaimSnapshot(
            read_offer(shop, of_offer),
            read_permission(policy, fields, self._policy_clock),
            _answer(offer, answer, now_us),
        )

    def permission(self, shop: ShopName, customer: CustomerKey) -> CheckedPermission:
        """Read what the customer permits."""
        pipeline = self._redis.pipeline(transaction=True)
        queue_reads(pipeline, shop, customer)
        with store_faults():
            policy, fields = pipeline.execute(raise_on_error=False)
        return read_permission(policy, fields, self._policy_clock)

    def claim(self, shop: ShopName, asked: ClaimAttempt) -> Claim | ClaimRefusal | ClaimFailure:
        """Hold one redemption for the customer, with a code if the offer has codes."""
        permission, customer = asked.permission, asked.customer
        keys = [
            *keys_of_offer(shop, asked.offer),
            redis_keys.customer(shop, customer),
            redis_keys.answers(shop, customer),
            redis_keys.claims_of(shop, customer),
        ]
        words: list[Encoded] = [
            asked.revision,
            asked.claim_id,
            customer.hex(),
            self._hold_us,
            permission.stored,
            permission.policy,
            asked.key_digest,
            asked.request_digest,
            redis_keys.ANSWER_SECONDS,
            redis_keys.CLAIM_SECONDS,
            asked.channel or "",
        ]
        with store_faults():
            word, rest = self._claim(keys=keys, args=[asked.offer, self._now(), *words])
        if word in (b"held", b"again"):
            return _claim_of(asked.offer, rest)
        if word == b"refused":
            return _REFUSALS[rest]
        return ClaimFailure.KEY_REUSED if word == b"reused" else ClaimFailure.CHANGED

    def find(self, shop: ShopName, claim_id: str) -> tuple[Claim, CustomerKey] | None:
        """Return a claim and whose it is, as it was last written down."""
        with store_faults():
            fields = self._redis.hgetall(redis_keys.claim(shop, claim_id))
        return _stored_claim(claim_id, fields)

    def redeem(
        self, shop: ShopName, offer: OfferId, claim_id: str, customer: CustomerKey | None
    ) -> ClaimState | ClaimRefusal | ClaimFailure:
        """Confirm a claim, once; where its hold has ended, only while there is still some left.

        `customer` None: whosever it is.
        """
        return _redeemed(self._of_claim(self._redeem, shop, offer, claim_id, customer))

    def redeem_oldest(
        self, shop: ShopName, offer: OfferId, customer: CustomerKey, use: str, made_by_us: int
    ) -> ClaimState | ClaimRefusal | ClaimFailure:
        """Confirm the oldest open hold of the customer's that was made by then; once for a `use`.

        NOT_FOUND: there is none.
        """
        keys = [*keys_of_offer(shop, offer), redis_keys.spent(shop, use)]
        lives = [redis_keys.CLAIM_SECONDS, redis_keys.SPENT_SECONDS]
        words: list[Encoded] = [offer, self._now(), made_by_us, customer.hex(), *lives]
        with store_faults():
            return _redeemed(bytes(self._redeem_oldest(keys=keys, args=words)))

    def release(
        self, shop: ShopName, offer: OfferId, claim_id: str, customer: CustomerKey | None
    ) -> ClaimState | ClaimFailure:
        """Give back what a claim holds, if it still does; return what has become of it."""
        word = self._of_claim(self._release, shop, offer, claim_id, customer)
        return ClaimFailure.NOT_FOUND if word == b"unknown" else ClaimState(word.decode())

    def record_offer_event(
        self,
        shop: ShopName,
        offer: OfferId,
        what: str,
        *,
        use: str | None = None,
        customer: CustomerKey | None = None,
        permission: CheckedPermission | None = None,
    ) -> bool | ClaimFailure:
        """Count that an offer was `shown` or `accepted`, or remember that it was `dismissed`.

        With a `use` of a decision, once for each. `customer` None: nothing is remembered of
        anybody. Returns whether it was counted now.
        """
        judged = permission or NO_PERMISSION
        whose = b"" if customer is None else customer
        keys = [
            *keys_of_offer(shop, offer),
            redis_keys.spent(shop, use or ""),
            redis_keys.customer(shop, CustomerKey(whose)),
        ]
        spends = "" if use is None else "1"
        words: list[Encoded] = [what, whose.hex(), judged.stored, judged.policy, spends]
        words.append(redis_keys.SPENT_SECONDS)
        with store_faults():
            word = self._record_event(keys=keys, args=[offer, self._now(), *words])
        return ClaimFailure.CHANGED if word == b"changed" else bool(word == b"done")

    def _of_claim(
        self,
        script: Any,
        shop: ShopName,
        offer: OfferId,
        claim_id: str,
        customer: CustomerKey | None,
    ) -> bytes:
        whose = "" if customer is None else customer.hex()
        words: list[Encoded] = [offer, self._now(), claim_id, whose, redis_keys.CLAIM_SECONDS]
        with store_faults():
            return bytes(script(keys=keys_of_offer(shop, offer), args=words))

    def _now(self) -> Encoded:
        return "" if self._clock is None else self._clock()


def _redeemed(word: bytes) -> ClaimState | ClaimRefusal | ClaimFailure:
    if word == b"nothing_left":
        return ClaimRefusal.NOTHING_LEFT
    return ClaimFailure.NOT_FOUND if word == b"unknown" else ClaimState.REDEEMED


def _answer(offer: OfferId, stored: bytes | None, now_us: int) -> ClaimAnswer | None:
    """Read what was answered; None for nothing, also where it is too old to count."""
    if not stored:
        return None
    mark, at, answer = stored.split(b" ", 2)
    if int(at) <= now_us - redis_keys.ANSWER_SECONDS * _SECOND_US:
        return None
    return ClaimAnswer(mark.decode(), _claim_of(offer, answer))


def _claim_of(offer: OfferId, answer: bytes) -> Claim:
    claim_id, till, code = answer.decode().split(" ", 2)
    return Claim(claim_id, offer, int(till), code or None)


def _stored_claim(claim_id: str, fields: Any) -> tuple[Claim, CustomerKey] | None:
    said = {name.decode(): value.decode() for name, value in fields.items()}
    try:
        claim = Claim(
            claim_id,
            OfferId(said["offer"]),
            int(said["till"]),
            said["code"] or None,
            said["channel"] or None,
            ClaimState(said["word"]),
            int(said["at"]),
        )
        return claim, CustomerKey(bytes.fromhex(said["customer"]))
    except (KeyError, ValueError):
        return None
