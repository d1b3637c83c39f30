"""Which offers may not be offered now, step by step; arrays of (offers,) bool, in their order."""

from collections.abc import Mapping

import numpy as np

from recsvc.domain.offers.verdicts import VerdictStep
from recsvc.domain.values.ids import OfferId
from recsvc.model.artifact.format import Array
from recsvc.model.offers.columns import OfferColumns
from recsvc.model.offers.inputs import CustomerFacts, Question
from recsvc.model.offers.performance import OfferPerformance

Refusals = list[tuple[VerdictStep, Array]]


def generic_refusals(
    columns: OfferColumns, standing: OfferPerformance, question: Question
) -> Refusals:
    """Nothing here depends on a customer."""
    return [
        (VerdictStep.CONSENT, columns.personal),
        *_right_now(columns, question),
        *standing.used_up.items(),
    ]


def personal_refusals(
    columns: OfferColumns, standing: OfferPerformance, facts: CustomerFacts, question: Question
) -> Refusals:
    found = _right_now(columns, question)
    found.append((VerdictStep.ELIGIBILITY, columns.requirements.unmet(facts, question.now_us)))
    if facts.dismissed:
        found.append((VerdictStep.DISMISSED, _marked(columns, columns.known(facts.dismissed))))
    for step, counts, most in (
        (VerdictStep.REDEEMED, facts.redeemed, columns.most_redeemed),
        (VerdictStep.SHOWN, facts.shown, columns.most_shown),
    ):
        if counts and most:
            found.append((step, _marked(columns, _spent(columns, counts, most))))
    return [*found, *standing.used_up.items()]


def allowed(refusals: Refusals) -> Array:
    """Return what no step refuses. (offers,) bool"""
    first, *others = refusals
    refused = first[1].copy()
    for _, marked in others:
        refused |= marked
    return ~refused


def _right_now(columns: OfferColumns, question: Question) -> Refusals:
    now_us = question.now_us
    found = [(VerdictStep.WINDOW, (columns.starts_us > now_us) | (columns.ends_us <= now_us))]
    if question.channel is not None:
        others = columns.other_channels.get(question.channel, columns.with_channels)
        found.append((VerdictStep.CHANNEL, others))
    return found


def _spent(
    columns: OfferColumns, counts: Mapping[OfferId, int], most: Mapping[OfferId, int]
) -> list[int]:
    return columns.known(
        offer_id for offer_id, count in counts.items() if count >= most.get(offer_id, count + 1)
    )


def _marked(columns: OfferColumns, rows: list[int]) -> Array:
    marked = np.zeros(len(columns), dtype=bool)
    marked[rows] = True
    return marked
