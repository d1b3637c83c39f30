"""The decision which offers a customer gets. Pure: no clock, no store; all comes as an argument.

Consent, window, channel, eligibility → dismissed, redeemed → caps → arbitration → fallback.
Arbitration is the probability of acceptance, times what it is worth to the shop, times the
offer's weight; a higher priority comes first whatever the others are worth. Of an exclusive group
the best is offered. Without facts of a customer the answer is the same for everybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from recsvc.domain.offers.offer import Offer
from recsvc.domain.offers.verdicts import OfferReason
from recsvc.domain.values.ids import OfferId
from recsvc.model.artifact.format import Array
from recsvc.model.offers import kernels
from recsvc.model.offers.affinity import Affinity, affinity_of
from recsvc.model.offers.columns import OfferColumns
from recsvc.model.offers.filters import (
    RefusalMasks,
    generic_refusals,
    permitted_offers,
    personal_refusals,
)
from recsvc.model.offers.inputs import CustomerFacts, DecisionRequest
from recsvc.model.offers.performance import OfferPerformance


class OfferChoice(NamedTuple):
    """An offer, and why. `item`: the row of the item that the reason names, None without one."""

    offer_id: OfferId
    row: int
    reason: OfferReason
    item: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ArbitrationScores:
    """What arbitration compared."""

    affinity: Affinity
    rate: Array  # (offers,)

    @property
    def probability(self) -> Array:
        return self.affinity.probability

    @property
    def worth(self) -> Array:
        return self.affinity.worth


@dataclass(frozen=True, slots=True, eq=False)
class OfferDecision:
    """What is offered, best first, and all that is needed to explain it (see `explanation`)."""

    choices: Sequence[OfferChoice]
    is_personal: bool
    refusals: RefusalMasks
    permitted_offers: Array  # (offers,) bool
    scores: ArbitrationScores | None  # None: not personal


def decide(
    columns: OfferColumns,
    performance: OfferPerformance,
    facts: CustomerFacts | None,
    request: DecisionRequest,
    generator: np.random.Generator | None = None,
) -> OfferDecision:
    """Choose for a customer, or for everybody. With a generator, rates are drawn: to explore."""
    if facts is None:
        return _decide_generic(columns, performance, request)
    refusals = personal_refusals(columns, performance, facts, request)
    permitted = permitted_offers(refusals)
    scores = arbitration_scores(columns, performance, facts, generator)
    rows = _choose_rows(columns, permitted, request.n, scores.worth)
    choices = _choices_with_reasons(columns, scores.affinity, rows)
    return OfferDecision(choices, True, refusals, permitted, scores)


def rate_generator(seed: bytes) -> np.random.Generator:
    """Return what draws the rates of one decision: the same again for the same seed."""
    return np.random.default_rng(int.from_bytes(seed))


def arbitration_scores(
    columns: OfferColumns,
    performance: OfferPerformance,
    facts: CustomerFacts,
    generator: np.random.Generator | None = None,
) -> ArbitrationScores:
    rate, refusal = performance.rate, performance.log_refusal
    if generator is not None:
        rate = performance.drawn_rate(generator)
        refusal = np.log1p(-rate)
    affinity = affinity_of(columns.coverage, facts, refusal, columns.worth)
    return ArbitrationScores(affinity, rate)


def _choose_rows(columns: OfferColumns, permitted: Array, most: int, worth: Array) -> Array:
    """Return the rows to offer, best first: priority by priority, and one of each group.

    Equals are in the order of their rows. What is kept as a fallback comes only when there is
    nothing else.
    """
    found: Array = kernels.choose_offers.run(
        permitted, columns.is_fallback, columns.tiers, columns.groups, worth, most
    )
    return found


def _decide_generic(
    columns: OfferColumns, performance: OfferPerformance, request: DecisionRequest
) -> OfferDecision:
    refusals = generic_refusals(columns, performance, request)
    permitted = permitted_offers(refusals)
    equal = np.zeros(len(columns))
    rows = _choose_rows(columns, permitted, request.n, equal).tolist()
    choices = [
        OfferChoice(columns.offers[row].offer_id, row, OfferReason.FOR_EVERYBODY) for row in rows
    ]
    return OfferDecision(choices, False, refusals, permitted, None)


def _choices_with_reasons(
    columns: OfferColumns, affinity: Affinity, rows: Array
) -> list[OfferChoice]:
    """Give each chosen offer its reason: the covered item that was bought most, if there is one."""
    items = affinity.top_purchases.take(rows).tolist()
    spend_share = affinity.spend_share.take(rows).tolist()
    offers = columns.offers
    return [
        OfferChoice(offers[row].offer_id, row, _YOU_BUY, item)
        if item >= 0
        else OfferChoice(offers[row].offer_id, row, _reason(offers[row], share))
        for row, item, share in zip(rows.tolist(), items, spend_share, strict=True)
    ]


def _reason(offer: Offer, spend_share: float) -> OfferReason:
    if offer.is_for_all_items:
        return OfferReason.FOR_EVERYBODY
    return OfferReason.SUITS_YOU if spend_share > 0 else OfferReason.POPULAR


_YOU_BUY = OfferReason.YOU_BUY  # looking a member up costs more than the rest
