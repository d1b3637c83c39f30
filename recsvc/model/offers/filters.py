"""Which offers may not be offered now, step by step; arrays of (offers,) bool, in their order."""

from collections.abc import Mapping

import numpy as np

from recsvc.domain.offers.verdicts import Step
from recsvc.domain.values.ids import OfferId
from recsvc.model.artifact.format import Array
from recsvc.model.offers.columns import OfferColumns
from recsvc.model.offers.inputs import CustomerFacts, Question
from recsvc.model.offers.performance import Standing

Refusals = list[tuple[Step, Array]]


def generic_refusals(columns: OfferColumns, standing: Standing, question: Question) -> Refusals:
    """Nothing here depends on a customer."""
    return [
        (Step.CONSENT, columns.personal),
        *_right_now(columns, question),
        *standing.used_up.items(),
    ]


def personal_refusals(
    columns: OfferColumns, standing: Standing, facts: CustomerFacts, question: Question
) -> Refusals:
    found = _right_now(columns, question)
    found.append((Step.ELIGIBILITY, columns.requirements.unmet(facts, question.now_us)))
    if facts.dismissed:
        found.append((Step.DISMISSED, _marked(columns, columns.known(facts.dismissed))))
    for step, counts, most in (
        (Step.REDEEMED, facts.redeemed, columns.most_redeemed),
        (Step.SHOWN, facts.shown, columns.most_shown),
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
    found = [(Step.WINDOW, (columns.starts_us > now_us) | (columns.ends_us <= now_us))]
    if question.channel is not None:
        others = columns.other_channels.get(question.channel, columns.with_channels)
        found.append((Step.CHANNEL, others))
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
