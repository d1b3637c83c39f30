"""How near a customer is to what each offer covers.

What the customer spent on the covered items, halved with every 90 days, is the best that is known
of who redeems a coupon (`make bench-offers`); what covers more items counts less for it. A little
is added for what a model thinks likely. Who has bought nothing that is covered is judged by the
categories that they buy; and popularity decides among what says nothing of the customer.
"""

from dataclasses import dataclass

import numpy as np

from recsvc.model.format import Array
from recsvc.model.offers.facts import CustomerFacts, Weighted
from recsvc.model.offers.reach import Postings, Reach

WANTED_SHARE = 0.05  # of what a model lets expect, beside what was bought
POPULARITY_SHARE = 1e-4
LEAST = 1e-9  # of what is worth dividing by: below it nothing was spent


@dataclass(frozen=True, slots=True, eq=False)
class Touched:
    """What rows add to offers, touch by touch, the rows one after the other."""

    given: Weighted
    offers: Array  # (touches,)
    ends: Array  # (rows,) where the touches of each row end
    sums: Array  # (offers,)

    def strongest(self, offers: list[int], among: int) -> dict[int, int]:
        """Return for each of some offers which of the first rows adds most; none: nothing does."""
        asked = np.zeros(len(self.sums), dtype=bool)
        asked[offers] = True
        end = int(self.ends[among - 1]) if among else 0
        touches = asked.take(self.offers[:end]).nonzero()[0]
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
    near: Array  # (offers,) what was spent on, and is expected of, what is covered; shares
    touched: Touched  # by what was bought, and behind it by what is wanted
    bought_rows: int  # of them


def affinity_of(reach: Reach, facts: CustomerFacts) -> Affinity:
    total = len(reach.everything)
    bought = reach.items.known(facts.bought)
    given = _with_wanted(bought, reach.items.known(facts.wanted))
    touched = _touched(reach.items, given, total)
    near, whole = touched.sums, float(given.weights.sum())
    if not near.any():  # nothing that is known of the customer is covered
        categories = reach.categories.known(facts.categories)
        near, whole = _touched(reach.categories, categories, total).sums, categories.weights.sum()
    near = np.where(reach.everything, whole, near) / whole if whole > LEAST else np.zeros(total)
    raw = near * reach.narrowness + POPULARITY_SHARE * reach.popularity
    mean = float(raw.sum()) / max(total, 1)
    lift = raw / mean if mean > 0 else np.ones(total)
    return Affinity(lift, near, touched, len(bought.rows))


def _with_wanted(bought: Weighted, wanted: Weighted) -> Weighted:
    if not len(wanted.rows):
        return bought
    return Weighted(
        np.concatenate((bought.rows, wanted.rows)),
        np.concatenate((bought.weights, WANTED_SHARE * wanted.weights)),
    )


def _touched(postings: Postings, given: Weighted, total: int) -> Touched:
    """Add each row's weight to the offers that it touches."""
    places, lengths = postings.touched(given.rows)
    offers = postings.offers.take(places).astype(np.intp)
    parts = given.weights.repeat(lengths)
    if postings.shares is not None:
        parts *= postings.shares.take(places)
    return Touched(given, offers, lengths.cumsum(), np.bincount(offers, parts, total))
