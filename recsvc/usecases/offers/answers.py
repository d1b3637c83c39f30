"""Answers with offers: structs that are encoded as JSON.

An offer contains no business data of the shop: no margin, weight, cap or code.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from recsvc.domain.catalogue.slates import Fallback
from recsvc.domain.offers.offer import Kind, Offer
from recsvc.domain.offers.verdicts import OfferReason, Verdict, VerdictStep
from recsvc.domain.values.timestamps import rfc3339
from recsvc.model.offers.explanation import ConsideredOffer

# The values are texts already; the types list them in the OpenAPI document.
KindText = Annotated[str, msgspec.Meta(extra_json_schema={"enum": [*Kind]})]
ReasonText = Annotated[str, msgspec.Meta(extra_json_schema={"enum": [*OfferReason]})]
VerdictText = Annotated[str, msgspec.Meta(extra_json_schema={"enum": [*Verdict]})]
StepText = Annotated[str, msgspec.Meta(extra_json_schema={"enum": [*VerdictStep]})]


class OfferReasonView(msgspec.Struct, frozen=True):
    """The reason for an offer. `text` may be shown to the customer."""

    code: ReasonText
    text: str
    item_id: str | UnsetType = UNSET


class OfferedView(msgspec.Struct, frozen=True):
    """One offer. `has_code`: a claim returns a code."""

    offer_id: str
    title: str
    kind: KindText
    reason: OfferReasonView
    value: float | UnsetType = UNSET
    description: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    image_url: str | UnsetType = UNSET
    ends_at: str | UnsetType = UNSET
    has_code: bool = False


class ConsideredView(msgspec.Struct, frozen=True):
    """The verdict on one offer, the step that decided it, and its scores."""

    offer_id: str
    verdict: VerdictText
    step: StepText
    condition: str | UnsetType = UNSET
    affinity: float | UnsetType = UNSET
    lift: float | UnsetType = UNSET
    rate: float | UnsetType = UNSET
    probability: float | UnsetType = UNSET
    worth: float | UnsetType = UNSET
    priority: float | UnsetType = UNSET


class OffersAnswer(msgspec.Struct, frozen=True):
    """Offers, best first. `fallback`: the reason why they are not personal."""

    decision_id: str
    personalized: bool
    fallback: Fallback | None
    offers: list[OfferedView]
    considered: list[ConsideredView] | UnsetType = UNSET


def offered_view(offer: Offer, reason: OfferReasonView) -> OfferedView:
    ends_at_us = offer.ends_at_us
    return OfferedView(
        offer.offer_id,
        offer.title,
        offer.kind.value,
        reason,
        UNSET if offer.value is None else offer.value,
        offer.description or UNSET,
        offer.url or UNSET,
        offer.image_url or UNSET,
        UNSET if ends_at_us is None else _cached_rfc3339(ends_at_us),
        bool(offer.codes),
    )


def considered_views(considered: Iterable[ConsideredOffer]) -> list[ConsideredView]:
    return [
        ConsideredView(
            each.offer_id, each.verdict, each.step, each.condition or UNSET, **each.scores
        )
        for each in considered
    ]


_cached_rfc3339 = lru_cache(4096)(rfc3339)  # offers share few end times
