"""Explain a decision: verdict, deciding step and scores of every offer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from recsvc.domain.offers.verdicts import Verdict, VerdictStep
from recsvc.domain.values.ids import OfferId
from recsvc.model.offers.columns import NO_GROUP, OfferColumns
from recsvc.model.offers.decision import ArbitrationScores, OfferDecision
from recsvc.model.offers.inputs import CustomerFacts, DecisionRequest


@dataclass(frozen=True, slots=True)
class ConsideredOffer:
    """The verdict on one offer. `condition`: the first unmet one, if the step is eligibility."""

    offer_id: OfferId
    verdict: Verdict
    step: VerdictStep
    condition: str | None = None
    scores: Mapping[str, float] = field(default_factory=dict)


def explain(
    columns: OfferColumns,
    decision: OfferDecision,
    facts: CustomerFacts | None,
    request: DecisionRequest,
) -> list[ConsideredOffer]:
    """Explain every offer: the chosen ones first, in their order, then the others by row."""
    steps = _steps(columns, decision)
    rows = [choice.row for choice in decision.choices]
    rest = sorted(set(range(len(columns))) - set(rows))
    unmet = {} if facts is None else columns.eligibility.first_unmet(facts, request.now_us)
    return [
        ConsideredOffer(
            offer_id=columns.offers[row].offer_id,
            verdict=_verdict(steps[row], is_chosen=place < len(rows)),
            step=steps[row],
            condition=unmet.get(row) if steps[row] is VerdictStep.ELIGIBILITY else None,
            scores={} if decision.scores is None else _scores(columns, decision.scores, row),
        )
        for place, row in enumerate([*rows, *rest])
    ]


def _steps(columns: OfferColumns, decision: OfferDecision) -> list[VerdictStep]:
    """Return the step that refused each offer, else the step that ranked it."""
    rows = [choice.row for choice in decision.choices]
    is_fallback = any(columns.is_fallback[row] for row in rows)
    groups = {columns.groups[row] for row in rows} - {NO_GROUP}
    steps = [VerdictStep.ARBITRATION] * len(columns)
    for row, is_fallback_row in enumerate(columns.is_fallback.tolist()):
        if is_fallback_row:
            steps[row] = VerdictStep.FALLBACK
        if columns.groups[row] in groups and is_fallback_row == is_fallback and row not in rows:
            steps[row] = VerdictStep.EXCLUSIVE_GROUP
    for step, refused in reversed(decision.refusals):
        for row in np.flatnonzero(refused).tolist():
            steps[row] = step
    return steps


def _verdict(step: VerdictStep, *, is_chosen: bool) -> Verdict:
    if is_chosen:
        return Verdict.OFFERED
    return (
        Verdict.OUTRANKED
        if step in (VerdictStep.ARBITRATION, VerdictStep.FALLBACK)
        else Verdict.REFUSED
    )


def _scores(columns: OfferColumns, scores: ArbitrationScores, row: int) -> dict[str, float]:
    affinity = scores.affinity
    return {
        "affinity": round(float(affinity.spend_share[row]), 6),
        "lift": round(float(affinity.lift[row]), 6),
        "rate": round(float(scores.rate[row]), 6),
        "probability": round(float(scores.probability[row]), 6),
        "worth": float(scores.worth[row]),
        "priority": float(columns.offers[row].priority),
    }
