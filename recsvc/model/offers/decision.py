"""The decision which offers a customer gets. Pure: no clock, no store; all comes as an argument.

Consent, window, channel, eligibility → dismissed, redeemed → caps → arbitration → fallback.
Arbitration is the probability of acceptance, times what it is worth to the shop, times the
offer's weight; a higher priority comes first whatever the others are worth. Of an exclusive group
the best is offered. Without facts of a customer the answer is the same for everybody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recsvc.domain.ids import OfferId
from recsvc.domain.offer_verdicts import OfferReason
from recsvc.model.format import Array
from recsvc.model.offers.affinity import Affinity, affinity_of
from recsvc.model.offers.columns import NO_GROUP, OfferColumns
from recsvc.model.offers.facts import CustomerFacts, Question
from recsvc.model.offers.refusals import (
    Refusals,
    allowed,
    generic_refusals,
    personal_refusals,
)
from recsvc.model.offers.standing import Standing


@dataclass(frozen=True, slots=True)
class Choice:
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
    probability: Array  # (offers,)
    worth: Array  # (offers,)


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """What is offered, best first, and all that is needed to explain it (see `explanation`)."""

    choices: Sequence[Choice]
    is_personal: bool
    refusals: Refusals
    allowed: Array  # (offers,) bool
    figures: Figures | None  # None: not personal


def decide(
    columns: OfferColumns,
    standing: Standing,
    facts: CustomerFacts | None,
    question: Question,
    generator: np.random.Generator | None = None,
) -> Decision:
    """Choose for a customer, or for everybody. With a generator, rates are drawn: to explore."""
    if facts is None:
        return _for_everybody(columns, standing, question)
    refusals = personal_refusals(columns, standing, facts, question)
    permitted = allowed(refusals)
    figures = figures_of(columns, standing, facts, generator)
    rows = chosen(columns, permitted, question.n, figures.worth)
    choices = reasoned(columns, figures.affinity, rows)
    return Decision(choices, True, refusals, permitted, figures)


def figures_of(
    columns: OfferColumns,
    standing: Standing,
    facts: CustomerFacts,
    generator: np.random.Generator | None = None,
) -> Figures:
    """A customer who is twice as near refuses an offer twice: 1 − (1 − rate)^lift."""
    affinity = affinity_of(columns.reach, facts)
    rate, refusal = standing.rate, standing.log_refusal
    if generator is not None:
        rate = standing.drawn_rate(generator)
        refusal = np.log1p(-rate)
    probability = -np.expm1(affinity.lift * refusal)
    return Figures(affinity, rate, probability, probability * columns.worth)


def chosen(columns: OfferColumns, permitted: Array, most: int, worth: Array | None) -> list[int]:
    """Return the rows to offer, best first; what is kept as a fallback only when there is none."""
    found = _best(columns, permitted & ~columns.is_fallback, most, worth)
    return found or _best(columns, permitted & columns.is_fallback, most, worth)


def _for_everybody(columns: OfferColumns, standing: Standing, question: Question) -> Decision:
    refusals = generic_refusals(columns, standing, question)
    permitted = allowed(refusals)
    rows = chosen(columns, permitted, question.n, None)
    choices = [Choice(columns.offers[row].offer_id, row, OfferReason.FOR_EVERYBODY) for row in rows]
    return Decision(choices, False, refusals, permitted, None)


def _best(columns: OfferColumns, candidates: Array, most: int, worth: Array | None) -> list[int]:
    """Take priority by priority, and one of each group. Equals are in the order of their rows."""
    taken: list[int] = []
    groups: set[int] = set()
    for begin, end in columns.tiers:
        rows = candidates[begin:end].nonzero()[0] + begin
        if worth is not None:
            rows = rows.take((-worth.take(rows)).argsort(kind="stable"))
        for row in rows.tolist():
            group = columns.groups[row]
            if group != NO_GROUP:
                if group in groups:
                    continue
                groups.add(group)
            taken.append(row)
            if len(taken) == most:
                return taken
    return taken


def reasoned(columns: OfferColumns, affinity: Affinity, rows: list[int]) -> list[Choice]:
    """Give each chosen offer its reason: the covered item that was bought most, if there is one."""
    strongest = affinity.touched.strongest(rows, affinity.bought_rows)
    near = affinity.near.take(rows).tolist() if rows else []
    return [
        Choice(columns.offers[row].offer_id, row, *_reason(columns, row, strongest, share))
        for row, share in zip(rows, near, strict=True)
    ]


def _reason(
    columns: OfferColumns, row: int, strongest: Mapping[int, int], near: float
) -> tuple[OfferReason, int | None]:
    if row in strongest:
        return OfferReason.YOU_BUY, strongest[row]
    if columns.offers[row].is_for_all_items:
        return OfferReason.FOR_EVERYBODY, None
    return (OfferReason.SUITS_YOU if near > 0 else OfferReason.POPULAR), None
