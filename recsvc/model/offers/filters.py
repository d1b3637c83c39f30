"""Filters of a decision: per step, a mask of the offers that it refuses. (offers,) bool"""

from collections.abc import Mapping

import numpy as np

from recsvc.domain.offers.verdicts import VerdictStep
from recsvc.domain.values.ids import OfferId
from recsvc.model.artifact.format import Array
from recsvc.model.offers.columns import OfferColumns
from recsvc.model.offers.inputs import CustomerFacts, DecisionRequest
from recsvc.model.offers.performance import OfferPerformance

RefusalMasks = list[tuple[VerdictStep, Array]]


def generic_refusals(
    columns: OfferColumns,
    performance: OfferPerformance,
    request: DecisionRequest,
    sold_out: Array,
) -> RefusalMasks:
    """Return the refusals of a generic decision: they depend on no customer."""
    return [
        (VerdictStep.CONSENT, columns.personal),
        *_window_and_channel(columns, request),
        (VerdictStep.ITEMS, sold_out),
        *performance.exhausted.items(),
    ]


def personal_refusals(
    columns: OfferColumns,
    performance: OfferPerformance,
    facts: CustomerFacts,
    request: DecisionRequest,
    sold_out: Array,
) -> RefusalMasks:
    found = _window_and_channel(columns, request)
    found.append((VerdictStep.ITEMS, sold_out))
    found.append((VerdictStep.ELIGIBILITY, columns.eligibility.unmet(facts, request.now_us)))
    if facts.dismissed:
        found.append((VerdictStep.DISMISSED, _mask(columns, columns.rows_of(facts.dismissed))))
    for step, counts, most in (
        (VerdictStep.REDEEMED, facts.redeemed, columns.claim_caps),
        (VerdictStep.SHOWN, facts.shown, columns.impression_caps),
    ):
        if counts and most:
            found.append((step, _mask(columns, _rows_at_cap(columns, counts, most))))
    return [*found, *performance.exhausted.items()]


def permitted_offers(refusals: RefusalMasks) -> Array:
    """Return the offers that no step refuses. (offers,) bool"""
    first, *others = refusals
    refused = first[1].copy()
    for _, marked in others:
        refused |= marked
    return ~refused


def _window_and_channel(columns: OfferColumns, request: DecisionRequest) -> RefusalMasks:
    now_us = request.now_us
    found = [(VerdictStep.WINDOW, (columns.starts_us > now_us) | (columns.ends_us <= now_us))]
    if request.channel is not None:
        others = columns.excluded_by_channel.get(request.channel, columns.has_channels)
        found.append((VerdictStep.CHANNEL, others))
    return found


def _rows_at_cap(
    columns: OfferColumns, counts: Mapping[OfferId, int], most: Mapping[OfferId, int]
) -> list[int]:
    return columns.rows_of(
        offer_id for offer_id, count in counts.items() if count >= most.get(offer_id, count + 1)
    )


def _mask(columns: OfferColumns, rows: list[int]) -> Array:
    marked = np.zeros(len(columns), dtype=bool)
    marked[rows] = True
    return marked
