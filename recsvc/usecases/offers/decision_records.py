"""Encode a decision for the record that `GET /v1/decisions/{id}` returns.

The record contains no customer id. An offer that is neither offered nor refused was outranked.
"""

from typing import Any

import msgspec

from recsvc.domain.consent.consent import ConsentStatus, Purpose
from recsvc.domain.values.timestamps import rfc3339
from recsvc.model.offers.decision import OfferDecision
from recsvc.usecases.offers.offers_cache import OffersSnapshot


def encode_record(
    snapshot: OffersSnapshot,
    decision: OfferDecision,
    consent: ConsentStatus,
    channel: str | None,
    placement: str | None,
) -> bytes:
    columns = snapshot.columns
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
        "model_version": snapshot.items.live_items.model.version or None,
        "offers_epoch": snapshot.epoch,
        "offered": [_offered(snapshot, decision, place) for place in range(len(decision.choices))],
        "refused": refused,
        "considered": len(ids),
    }
    return msgspec.json.encode(record)


def _offered(snapshot: OffersSnapshot, decision: OfferDecision, place: int) -> dict[str, Any]:
    choice = decision.choices[place]
    fields: dict[str, Any] = {
        "offer_id": choice.offer_id,
        "revision": snapshot.offers[choice.offer_id].state.revision,
        "reason": str(choice.reason),
    }
    if decision.scores is not None:
        fields["probability"] = round(float(decision.scores.probability[choice.row]), 6)
        fields["worth"] = round(float(decision.scores.worth[choice.row]), 6)
    return fields
