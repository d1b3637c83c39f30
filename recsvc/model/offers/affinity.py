"""How near a customer is to what each offer covers.

What the customer spent on the covered items, halved with every 90 days, is the best that is known
of who redeems a coupon (`make bench-offers`); what covers more items counts less for it. A little
is added for what is likely next and for the categories that the customer buys, and next to
nothing for popularity: among what says nothing of the customer, it decides.
"""

from dataclasses import dataclass

import numpy as np

from recsvc.model.format import Array
from recsvc.model.offers.facts import CustomerFacts, Weighted
from recsvc.model.offers.reach import Postings, Reach

CATEGORY_SHARE = 0.05  # of what the category lets expect, beside what was bought
WANTED_SHARE = 0.05
POPULARITY_SHARE = 1e-4
MOST_CATEGORIES = 8  # that a customer spends most on: the others would double the work


@dataclass(frozen=True, slots=True, eq=False)
class Touched:
    """What rows add to offers, touch by touch, the rows one after the other."""

    given: Weighted
    offers: Array  # (touches,)
    ends: Array  # (rows,) where the touches of each row end
    sums: Array  # (offers,)

    def strongest(self, offers: list[int]) -> dict[int, int]:
        """Return for each of some offers the row that adds most; none where nothing does."""
        asked = np.zeros(len(self.sums), dtype=bool)
        asked[offers] = True
        touches = asked.take(self.offers).nonzero()[0]
        places = self.ends.searchsorted(touches, "right")
        weights = self.given.weights.take(places)
        order = weights.argsort(kind="stable")
        order = order[weights.take(order) > 0]
        rows = self.given.rows.take(places.take(order)).tolist()
        return dict(zip(self.offers.take(touches.take(order)).tolist(), rows, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Affinity:
    """`lift`: how much likelier than the mean offer, which is at 1."""

    lift: Array  # (offers,)
    bought: Array  # (offers,) share of what the customer spent that went to what is covered
    expected: Array  # (offers,) share that the customer's categories and a model let expect
    touched: Touched  # by what was bought


def affinity_of(reach: Reach, facts: CustomerFacts) -> Affinity:
    total = len(reach.everything)
    touched = _touched(reach.items, facts.bought, total)
    spent = float(facts.bought.weights.sum())
    bought = np.where(reach.everything, spent, touched.sums)
    expected = np.zeros(total)
    if len(facts.categories.rows):
        strongest = _strongest(facts.categories, MOST_CATEGORIES)
        expected += CATEGORY_SHARE * _touched(reach.categories, strongest, total).sums
    if len(facts.wanted.rows):
        expected += WANTED_SHARE * _touched(reach.items, facts.wanted, total).sums
    if spent > 0:
        bought /= spent
        expected /= spent
    raw = (bought + expected) * reach.narrowness + POPULARITY_SHARE * reach.popularity
    mean = float(raw.sum()) / max(total, 1)
    lift = raw / mean if mean > 0 else np.ones(total)
    return Affinity(lift, bought, expected, touched)


def _touched(postings: Postings, given: Weighted, total: int) -> Touched:
    """Add each row's weight to the offers that it touches."""
    known = postings.known(given)
    places, lengths = postings.touched(known.rows)
    offers, parts = postings.offers.take(places), known.weights.repeat(lengths)
    if postings.shares is not None:
        parts *= postings.shares.take(places)
    return Touched(known, offers, lengths.cumsum(), np.bincount(offers, parts, total))


def _strongest(given: Weighted, most: int) -> Weighted:
    if len(given.rows) <= most:
        return given
    best = given.weights.argpartition(-most)[-most:]
    return Weighted(given.rows[best], given.weights[best])
