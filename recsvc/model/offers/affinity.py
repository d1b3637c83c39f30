"""Affinity of a customer to each offer, and the probability and worth of its acceptance.

The best predictor of a coupon's redemption is the customer's spend on the covered items, with a
half-life of 90 days (`make bench-offers`). Offers that cover more items count less. Customers
without a covered purchase are scored by the categories that they buy. Popularity breaks
ties between offers without any affinity.
"""

from dataclasses import dataclass

import numpy as np

from recsvc.model.artifact.format import Array
from recsvc.model.offers import kernels
from recsvc.model.offers.coverage import CoverageIndex
from recsvc.model.offers.inputs import CustomerFacts

_NO_SHARES = np.zeros(0)  # every entry has the whole weight


@dataclass(frozen=True, slots=True, eq=False)
class Affinity:
    """Scores of every offer for one customer."""

    spend_share: Array  # (offers,) of all spend, the part on covered items
    lift: Array  # (offers,) relative to the mean offer, which is at 1
    probability: Array  # (offers,) of acceptance
    worth: Array  # (offers,) expected value to the shop
    top_purchases: Array  # (offers,) item row with the most spend; below 0: none


def affinity_of(
    coverage: CoverageIndex, facts: CustomerFacts, log_refusal: Array, worth: Array
) -> Affinity:
    """Score the offers; the probability of acceptance is 1 − (1 − rate)^lift.

    `log_refusal` is ln(1 − rate); `worth` is the value of an acceptance. Both are (offers,).
    """
    items, categories = coverage.items, coverage.categories
    return Affinity(
        *kernels.score_offers.run(
            facts.bought.rows,
            facts.bought.weights,
            items.offsets,
            items.offers,
            _NO_SHARES if items.shares is None else items.shares,
            facts.categories.rows,
            facts.categories.weights,
            categories.offsets,
            categories.offers,
            _NO_SHARES if categories.shares is None else categories.shares,
            coverage.covers_all,
            coverage.specificity,
            coverage.popularity,
            log_refusal,
            worth,
        )
    )
