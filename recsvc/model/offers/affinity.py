"""How near a customer is to what each offer covers, and what that makes of offering it.

What the customer spent on the covered items, halved with every 90 days, is the best that is known
of who redeems a coupon (`make bench-offers`); what covers more items counts less for it. A little
is added for what a model thinks likely. Who has bought nothing that is covered is judged by the
categories that they buy; and popularity decides among what says nothing of the customer.
"""

from dataclasses import dataclass

import numpy as np

from recsvc.model.artifact.format import Array
from recsvc.model.offers import kernels
from recsvc.model.offers.coverage import CoverageIndex
from recsvc.model.offers.inputs import CustomerFacts

EXPECTED_SHARE = 0.05  # of what a model lets expect, beside what was bought

_NO_SHARES = np.zeros(0)  # in place of shares


@dataclass(frozen=True, slots=True, eq=False)
class Affinity:
    """`lift`: how much likelier than the mean offer, which is at 1."""

    spend_share: Array  # (offers,) what was spent on, and is expected of, what is covered; shares
    lift: Array  # (offers,)
    probability: Array  # (offers,) that it is accepted
    worth: Array  # (offers,) of offering it, to the shop
    top_purchases: Array  # (offers,) row of what was bought that adds most; below 0: nothing does


def affinity_of(
    coverage: CoverageIndex, facts: CustomerFacts, log_refusal: Array, worth: Array
) -> Affinity:
    """A customer who is twice as near refuses an offer twice: 1 − (1 − rate)^lift.

    `log_refusal` is ln(1 − rate), and `worth` that of an acceptance. (offers,)
    """
    items, categories = coverage.items, coverage.categories
    return Affinity(
        *kernels.score_offers.run(
            facts.bought.rows,
            facts.bought.weights,
            facts.expected.rows,
            facts.expected.weights,
            EXPECTED_SHARE,
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
