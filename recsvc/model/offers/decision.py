"""Choose the offers for one customer. Pure: no clock, no store; everything is an argument.

Consent, window, channel, eligibility → dismissed, redeemed → caps → arbitration → fallback.
Arbitration ranks by priority, then by probability of acceptance × margin × weight. Of an exclusive
group only the best offer is chosen. Without customer facts the decision is generic: the same for
every customer.
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
    """A chosen offer. `item`: the row of the item that the reason names, if it names one."""

    offer_id: OfferId
    row: int
    reason: OfferReason
    item: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ArbitrationScores:
    """The scores that arbitration compared."""

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
    """The chosen offers, best first, and the data that explains them (see `explanation`)."""

    choices: Sequence[OfferChoice]
    is_personal: bool
    refusals: RefusalMasks
    permitted: Array  # (offers,) bool
    scores: ArbitrationScores | None  # None: not personal


def decide(
    columns: OfferColumns,
    performance: OfferPerformance,
    facts: CustomerFacts | None,
    request: DecisionRequest,
    generator: np.random.Generator | None = None,
    sold_out: Array | None = None,
) -> OfferDecision:
    """Choose offers. `facts` None: generic. A generator draws the rates, to explore.

    `sold_out`: (offers,) bool, offers without an available item. None: each has one.
    """
    if sold_out is None:
        sold_out = np.zeros(len(columns), dtype=bool)
    if facts is None:
        return _decide_generic(columns, performance, request, sold_out)
    refusals = personal_refusals(columns, performance, facts, request, sold_out)
    permitted = permitted_offers(refusals)
    scores = arbitration_scores(columns, performance, facts, generator)
    rows = _choose_rows(columns, permitted, request.n, scores.worth)
    choices = _choices_with_reasons(columns, scores.affinity, rows)
    return OfferDecision(choices, True, refusals, permitted, scores)


def rate_generator(seed: bytes) -> np.random.Generator:
    """Return the generator of one decision's rates, reproducible from the seed."""
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
    """Return the chosen rows, best first: by priority, then score, one per exclusive group.

    Ties keep the order of rows. Fallback offers are chosen only if no other offer is permitted.
    """
    found: Array = kernels.choose_offers.run(
        permitted, columns.is_fallback, columns.tiers, columns.groups, worth, most
    )
    return found


def _decide_generic(
    columns: OfferColumns,
    performance: OfferPerformance,
    request: DecisionRequest,
    sold_out: Array,
) -> OfferDecision:
    refusals = generic_refusals(columns, performance, request, sold_out)
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
    """Add reasons: the covered item with the most spend, if any."""
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


_YOU_BUY = OfferReason.YOU_BUY  # the lookup of an enum member would cost more than the rest
