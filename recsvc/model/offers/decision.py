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
from recsvc.model.offers.filters import Refusals, allowed, generic_refusals, personal_refusals
from recsvc.model.offers.inputs import CustomerFacts, Question
from recsvc.model.offers.performance import OfferPerformance


class OfferChoice(NamedTuple):
    """An offer, and why. `item`: the row of the item that the reason names, None without one."""

    offer_id: OfferId
    row: int
    reason: OfferReason
    item: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
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
    refusals: Refusals
    allowed: Array  # (offers,) bool
    figures: Figures | None  # None: not personal


def decide(
    columns: OfferColumns,
    standing: OfferPerformance,
    facts: CustomerFacts | None,
    question: Question,
    generator: np.random.Generator | None = None,
) -> OfferDecision:
    """Choose for a customer, or for everybody. With a generator, rates are drawn: to explore."""
    if facts is None:
        return _for_everybody(columns, standing, question)
    refusals = personal_refusals(columns, standing, facts, question)
    permitted = allowed(refusals)
    figures = figures_of(columns, standing, facts, generator)
    rows = chosen(columns, permitted, question.n, figures.worth)
    choices = reasoned(columns, figures.affinity, rows)
    return OfferDecision(choices, True, refusals, permitted, figures)


def generator_of(seed: bytes) -> np.random.Generator:
    """Return what draws the rates of one decision: the same again for the same seed."""
    return np.random.default_rng(int.from_bytes(seed))


def figures_of(
    columns: OfferColumns,
    standing: OfferPerformance,
    facts: CustomerFacts,
    generator: np.random.Generator | None = None,
) -> Figures:
    rate, refusal = standing.rate, standing.log_refusal
    if generator is not None:
        rate = standing.drawn_rate(generator)
        refusal = np.log1p(-rate)
    affinity = affinity_of(columns.reach, facts, refusal, columns.worth)
    return Figures(affinity, rate)


def chosen(columns: OfferColumns, permitted: Array, most: int, worth: Array) -> Array:
    """Return the rows to offer, best first: priority by priority, and one of each group.

    Equals are in the order of their rows. What is kept as a fallback comes only when there is
    nothing else.
    """
    found: Array = kernels.choose.run(
        permitted, columns.is_fallback, columns.tiers, columns.groups, worth, most
    )
    return found


def _for_everybody(
    columns: OfferColumns, standing: OfferPerformance, question: Question
) -> OfferDecision:
    refusals = generic_refusals(columns, standing, question)
    permitted = allowed(refusals)
    equal = np.zeros(len(columns))
    rows = chosen(columns, permitted, question.n, equal).tolist()
    choices = [
        OfferChoice(columns.offers[row].offer_id, row, OfferReason.FOR_EVERYBODY) for row in rows
    ]
    return OfferDecision(choices, False, refusals, permitted, None)


def reasoned(columns: OfferColumns, affinity: Affinity, rows: Array) -> list[OfferChoice]:
    """Give each chosen offer its reason: the covered item that was bought most, if there is one."""
    items = affinity.loudest.take(rows).tolist()
    near = affinity.near.take(rows).tolist()
    offers = columns.offers
    return [
        OfferChoice(offers[row].offer_id, row, _YOU_BUY, item)
        if item >= 0
        else OfferChoice(offers[row].offer_id, row, _reason(offers[row], share))
        for row, item, share in zip(rows.tolist(), items, near, strict=True)
    ]


def _reason(offer: Offer, near: float) -> OfferReason:
    if offer.is_for_all_items:
        return OfferReason.FOR_EVERYBODY
    return OfferReason.SUITS_YOU if near > 0 else OfferReason.POPULAR


_YOU_BUY = OfferReason.YOU_BUY  # looking a member up costs more than the rest
