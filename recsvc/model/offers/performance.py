"""Performance of the offers: exhausted caps and codes, and the acceptance rate of impressions.

Computed when the counters change, not per request.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recsvc.domain.offers.verdicts import VerdictStep
from recsvc.domain.values.ids import OfferId
from recsvc.model.artifact.format import Array
from recsvc.model.offers.columns import OfferColumns
from recsvc.model.offers.inputs import OfferCounters

PRIOR_SHOWN = 20.0  # prior of each offer: impressions at the shop's mean rate
INITIAL_RATE = 0.05  # prior of the shop's mean rate
INITIAL_SHOWN = 100.0
MIN_RATE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class OfferPerformance:
    exhausted: Mapping[VerdictStep, Array]  # (offers,) bool
    accepted: Array  # (offers,) with the prior
    refused: Array  # (offers,) with the prior
    rate: Array  # (offers,) accepted impressions, above 0 and below 1
    log_refusal: Array  # (offers,) ln(1 − rate)

    def drawn_rate(self, generator: np.random.Generator) -> Array:
        """Draw a rate per offer from its beta posterior (Thompson 1933)."""
        drawn = generator.beta(self.accepted, self.refused)
        return np.clip(drawn, MIN_RATE, 1.0 - MIN_RATE)


def performance_of(columns: OfferColumns, counters: OfferCounters) -> OfferPerformance:
    shown, accepted = (_counts(columns, each) for each in (counters.shown, counters.accepted))
    shown = np.maximum(shown, accepted)  # an acceptance implies an impression
    mean = (accepted.sum() + INITIAL_RATE * INITIAL_SHOWN) / (shown.sum() + INITIAL_SHOWN)
    exhausted = {
        VerdictStep.TOTAL_SHOWN: _counts(columns, counters.shown) >= columns.total_shown,
        VerdictStep.TOTAL_REDEEMED: _counts(columns, counters.taken) >= columns.total_redeemed,
        VerdictStep.CODES: columns.has_codes & (_counts(columns, counters.codes_left) <= 0),
    }
    accepted = accepted + PRIOR_SHOWN * mean
    rate = accepted / (shown + PRIOR_SHOWN)
    return OfferPerformance(
        exhausted=exhausted,
        accepted=accepted,
        refused=shown + PRIOR_SHOWN - accepted,
        rate=rate,
        log_refusal=np.log1p(-rate),
    )


def _counts(columns: OfferColumns, counts: Mapping[OfferId, int]) -> Array:
    counted = np.zeros(len(columns), dtype=np.int64)
    for offer_id, count in counts.items():
        row = columns.rows.get(offer_id)
        if row is not None:
            counted[row] = count
    return counted
