"""`bought_together`: items of the same orders, whose scores add up over the items of a basket.

Every candidate lists only pairs that orders of enough customers share, and no variants of one
product. The baselines are the methods as published, over all pairs and without k-anonymity, so they
cannot be published. Category complements fill short lists; they follow all pairs and are not
judged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from recsvc.domain.catalogue.slates import ItemSlate
from training.dataset.history import Flags, Floats, History, Rows
from training.item_slates.association import (
    COSINE,
    Association,
    Mixture,
    OrderEase,
    PairScorer,
)
from training.item_slates.basket_cases import BasketCases, basket_cases
from training.item_slates.complements import complements_of, filled
from training.item_slates.item_properties import ItemProperties
from training.item_slates.maker import Candidate, ItemData, ItemLists, Source, WindowFigures
from training.item_slates.order_pairs import OrderPairs, Orders, orders_of, pairs_of
from training.item_slates.scored_neighbours import Neighbours, no_neighbours
from training.lists.item_lists import recent_orders
from training.settings import TrainingSettings

_NEIGHBOURS = 100

_CONDITIONAL = Association(own=0.7, other=0.5, shrinkage=5)
_SHARP_CONDITIONAL = Association(own=0.7, other=0.5, shrinkage=5, power=1.3)
_EASE = OrderEase(ridge=20, power=1.3)
_SCORERS: Mapping[str, tuple[Candidate, PairScorer]] = {
    candidate.name: (candidate, scorer)
    for candidate, scorer in (
        (Candidate("conditional", "conditional probability"), _CONDITIONAL),
        (Candidate("frequent_cosine", "cosine of frequent pairs"), COSINE),
        (Candidate("scaled_ease", "scaled EASE on orders"), _EASE),
        (
            Candidate("ease_and_conditional", "scaled EASE and conditional probability"),
            Mixture(_EASE, _SHARP_CONDITIONAL, 1.0),
        ),
        (
            Candidate("mostly_ease", "scaled EASE and some conditional probability"),
            Mixture(_EASE, _SHARP_CONDITIONAL, 0.3),
        ),
    )
}
_POPULAR = Candidate("popular", "best sellers", baseline=True, publishable=False)
_BASELINES: Mapping[str, tuple[Candidate, PairScorer]] = {
    candidate.name: (candidate, scorer)
    for candidate, scorer in (
        (Candidate("co_count", "common orders", True, False), Association(0, 0)),
        (Candidate("cosine", "cosine", True, False), COSINE),
        (Candidate("lift", "lift", True, False), Association(1, 1)),
        (Candidate("ease", "EASE on orders", True, False), OrderEase(ridge=50, scaling=0)),
    )
}


@dataclass(frozen=True, slots=True)
class BoughtTogether:
    """The maker of `bought_together` for one catalogue."""

    properties: ItemProperties

    @property
    def slate(self) -> ItemSlate:
        return ItemSlate.BOUGHT_TOGETHER

    @property
    def choosing_windows(self) -> int:
        return 2

    @property
    def candidates(self) -> Sequence[Candidate]:
        named = [*_SCORERS.values(), *_BASELINES.values()]
        return [*(candidate for candidate, _ in named), _POPULAR]

    def figures(
        self,
        known: History,
        later: History,
        data: ItemData,  # noqa: ARG002 - the properties were made of it
        settings: TrainingSettings,
        seed: int,
        *,
        judging: bool,
    ) -> WindowFigures:
        """Measure by basket completion. Baselines other than best sellers only where it judges."""
        cases = basket_cases(known, later, seed, judging=judging)
        if not cases.is_enough:
            return {}
        orders, popularity = orders_of(known), recent_orders(known)
        wanted = cases.in_baskets(known.items_total)
        pairs = _FittedPairs(orders, _listable_pairs(orders, self.properties, settings, wanted))
        found = {
            name: cases.measure(pairs.neighbours(scorer).best(_NEIGHBOURS), popularity)
            for name, (_, scorer) in _SCORERS.items()
        }
        found[_POPULAR.name] = cases.measure(no_neighbours(known.items_total), popularity)
        del pairs  # those of the baselines take a gigabyte
        if judging:
            found |= _baselines(cases, orders, wanted, popularity)
        return found

    def publish(self, winner: str, data: ItemData, settings: TrainingSettings) -> ItemLists:
        history, least = data.interactions.history, max(settings.k_anonymity, 1)
        orders, popularity = orders_of(history), recent_orders(history)
        pairs = _listable_pairs(orders, self.properties, settings)
        scored = _FittedPairs(orders, pairs).neighbours(_SCORERS[winner][1])
        lists = scored.best(_NEIGHBOURS).padded(_NEIGHBOURS)
        sellers = np.where(_buyers(history) >= least, popularity, 0)
        complements = complements_of(history, self.properties.groups, sellers, least)
        positive = scored.scores[scored.scores > 0]
        weakest = float(np.quantile(positive, 0.01)) if len(positive) else 1.0
        lists, added = filled(lists, complements, self.properties.products, weakest)
        sources = np.where(added, np.uint8(Source.CATEGORY), np.uint8(Source.BEHAVIOUR))
        return ItemLists(lists, sources, pairs.left_out)


@dataclass(frozen=True, slots=True)
class _FittedPairs:
    """Pairs with the scores of each scorer, computed once: mixtures share their parts."""

    orders: Orders
    pairs: OrderPairs
    _scores: dict[PairScorer, Floats] = field(default_factory=dict)

    def neighbours(self, scorer: PairScorer) -> Neighbours:
        return Neighbours(self.pairs.offsets, self.pairs.partners, self._scores_of(scorer))

    def _scores_of(self, scorer: PairScorer) -> Floats:
        if scorer not in self._scores:
            self._scores[scorer] = (
                scorer.mixed(self._scores_of(scorer.first), self._scores_of(scorer.second))
                if isinstance(scorer, Mixture)
                else scorer.scores(self.pairs, self.orders)
            )
        return self._scores[scorer]


def _listable_pairs(
    orders: Orders,
    properties: ItemProperties,
    settings: TrainingSettings,
    wanted: Flags | None = None,
) -> OrderPairs:
    """Return the pairs of enough customers that are not variants of one product."""
    pairs, products = pairs_of(orders, max(settings.k_anonymity, 1), wanted), properties.products
    own = products[pairs.rows]
    variants = (own >= 0) & (own == products[pairs.partners])
    return pairs.only(~variants) if variants.any() else pairs


def _baselines(
    cases: BasketCases, orders: Orders, wanted: Flags, popularity: Floats
) -> WindowFigures:
    pairs = pairs_of(orders, 1, wanted)

    def neighbours(scorer: PairScorer) -> Neighbours:
        """Score the pairs without keeping the scores: there are millions."""
        return _FittedPairs(orders, pairs).neighbours(scorer)

    return {
        name: cases.measure(neighbours(scorer), popularity)
        for name, (_, scorer) in _BASELINES.items()
    }


def _buyers(history: History) -> Rows:
    """Count each item's distinct customers."""  # (items,)
    keys = np.sort(history.items * history.customers_total + history.customers, kind="stable")
    distinct = keys[np.diff(keys, prepend=-1) > 0] // max(history.customers_total, 1)
    return np.bincount(distinct, minlength=history.items_total)
