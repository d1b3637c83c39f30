"""What is kept of a decision on offers: enough to tell why this was offered, and that was not.

No customer's id is in it. An offer that no step refused, and that is not among those offered, was
outranked.
"""

from typing import Any

import msgspec

from recsvc.domain.consent.consent import ConsentStatus, Purpose
from recsvc.domain.values.timestamps import rfc3339
from recsvc.model.offers.decision import OfferDecision
from recsvc.usecases.offers.offers_cache import OffersSnapshot


def encode_record(
    now: OffersSnapshot,
    decision: OfferDecision,
    consent: ConsentStatus,
    channel: str | None,
    placement: str | None,
) -> bytes:
    columns = now.columns
    ids = [offer.offer_id for offer in columns.offers]
    seen: set[int] = set()
    refused: dict[str, list[str]] = {}
    for step, marked in decision.refusals:
        rows = [row for row in marked.nonzero()[0].tolist() if row not in seen]
        seen.update(rows)
        if rows:
            refused[str(step)] = [ids[row] for row in rows]
    record = {
        "channel": channel,
        "placement": placement,
        "consent": {
            str(purpose): {
                "at": rfc3339(consent.record.purposes[purpose].at_us),
                "policy_version": consent.record.purposes[purpose].policy_version,
            }
            for purpose in (Purpose.PERSONALIZATION, Purpose.OFFERS)
        },
        "model_version": now.items.live_items.model.version or None,
        "offers_epoch": now.epoch,
        "offered": [_offered(now, decision, place) for place in range(len(decision.choices))],
        "refused": refused,
        "considered": len(ids),
    }
    return msgspec.json.encode(record)


def _offered(now: OffersSnapshot, decision: OfferDecision, place: int) -> dict[str, Any]:
    choice = decision.choices[place]
    told: dict[str, Any] = {
        "offer_id": choice.offer_id,
        "revision": now.offers[choice.offer_id].state.revision,
        "reason": str(choice.reason),
    }
    if decision.scores is not None:
        told["probability"] = round(float(decision.scores.probability[choice.row]), 6)
        told["worth"] = round(float(decision.scores.worth[choice.row]), 6)
    return told
