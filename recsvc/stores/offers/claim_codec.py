"""Claims and answers as the scripts store them."""

from dataclasses import dataclass
from typing import Any

from recsvc.domain.offers.claims import Claim, ClaimState
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import OfferId
from recsvc.stores.client import keys as redis_keys

_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class ClaimAnswer:
    """The stored answer for an Idempotency-Key, and the digest of its request."""

    request_digest: str
    claim: Claim


def read_answer(offer: OfferId, stored: bytes | None, now_us: int) -> ClaimAnswer | None:
    """Read a stored answer; None for no answer or an expired one."""
    if not stored:
        return None
    digest, at, answer = stored.split(b" ", 2)
    if int(at) <= now_us - redis_keys.ANSWER_SECONDS * _SECOND_US:
        return None
    return ClaimAnswer(digest.decode(), claim_of(offer, answer))


def claim_of(offer: OfferId, answer: bytes) -> Claim:
    claim_id, till, code = answer.decode().split(" ", 2)
    return Claim(claim_id, offer, int(till), code or None)


def stored_claim(claim_id: str, fields: Any) -> tuple[Claim, CustomerKey] | None:
    texts = {name.decode(): value.decode() for name, value in fields.items()}
    try:
        claim = Claim(
            claim_id,
            OfferId(texts["offer"]),
            int(texts["till"]),
            texts["code"] or None,
            texts["channel"] or None,
            ClaimState(texts["word"]),
            int(texts["at"]),
        )
        return claim, CustomerKey(bytes.fromhex(texts["customer"]))
    except (KeyError, ValueError):
        return None
