"""Rankings of the whole catalogue by base models, for measurement: no candidates, no sampling."""

from collections.abc import Mapping

import numpy as np

from recsvc.domain.catalogue.slates import CustomerSlate
from training.dataset.customer_items import CustomerItems
from training.dataset.history import Floats, Rows
from training.dataset.segments import NOTHING
from training.dataset.slate_rules import RULES, Shows
from training.metrics.model import Family
from training.ranking.ranked_items import RankedItems, best_items
from training.ranking.top_k import best_columns
from training.recommenders.personal_frequency import OwnScores
from training.recommenders.protocol import Fitted
from training.recommenders.registry import (
    BASE_MODELS,
    TIE_BREAKER,
    TIE_WEIGHT,
    FittedBaseModels,
    competing,
)


def rank_base_models(
    base_models: FittedBaseModels, customers: Rows, k: int
) -> dict[CustomerSlate, dict[str, RankedItems]]:
    """Rank all items for some customers by every base model of every slate.

    Items without a score are ordered by popularity.
    """
    customer_items = base_models.training_data.customer_items
    ranked: dict[CustomerSlate, dict[str, RankedItems]] = {slate: {} for slate in CustomerSlate}
    popularity = _popularity_of(base_models)
    popular = _unseen_popular(base_models, customers, k)
    for name in BASE_MODELS:
        slates = [slate for slate in CustomerSlate if name in competing(slate)]
        if BASE_MODELS[name].family is Family.PERSONAL:
            own = base_models.personal[name]
            for slate in slates:
                ranked[slate][name] = _rank_own(
                    customer_items, own, popularity, customers, popular, slate, k
                )
        else:
            by_slate = _rank_catalogue(
                base_models, base_models.proposers[name], customers, slates, k
            )
            for slate, lists in by_slate.items():
                ranked[slate][name] = lists
    return ranked


def _rank_catalogue(
    base_models: FittedBaseModels,
    model: Fitted,
    customers: Rows,
    slates: list[CustomerSlate],
    k: int,
) -> Mapping[CustomerSlate, RankedItems]:
    scores = _normalised(model.score(customers))
    scores += np.float32(TIE_WEIGHT) * _popularity_of(base_models)[model.items]
    own = base_models.training_data.customer_items.owned(customers)[:, model.items]
    ranked = {}
    for slate in slates:
        rule = RULES[slate]
        shown = None if rule.shows is Shows.ALL else rule.shown(own)
        top = best_columns(scores, shown, k)
        items = np.where(top.columns == NOTHING, NOTHING, model.items[top.columns])
        ranked[slate] = RankedItems(customers, items, top.scores).padded(k)
    return ranked


def _normalised(scores: Floats) -> Floats:
    """Scale each customer's best score to 1, so that ties are broken alike for all customers."""
    greatest = scores.max(axis=1, keepdims=True, initial=0)
    return np.asarray(scores / np.where(greatest > 0, greatest, 1), dtype=np.float32)


def _popularity_of(base_models: FittedBaseModels) -> Floats:
    model = base_models.proposers[TIE_BREAKER]
    values = np.zeros(base_models.training_data.history.items_total, np.float32)
    values[model.items] = model.score(np.zeros(1, np.int64))[0]
    return values


def _unseen_popular(
    base_models: FittedBaseModels, customers: Rows, k: int
) -> tuple[Rows, Rows, Floats]:
    """Return customers, items and popularity of each customer's most popular unseen items."""
    model = base_models.proposers[TIE_BREAKER]
    own = base_models.training_data.customer_items.owned(customers)[:, model.items]
    top = best_columns(model.score(customers), ~own, k)
    rows, places = np.nonzero(top.columns != NOTHING)
    return customers[rows], model.items[top.columns[rows, places]], top.scores[rows, places]


def _rank_own(
    customer_items: CustomerItems,
    model: OwnScores,
    popularity: Floats,
    customers: Rows,
    popular: tuple[Rows, Rows, Floats],
    slate: CustomerSlate,
    k: int,
) -> RankedItems:
    """Rank a customer's own items, then popular items.

    With rare visits most counts are one, so ties matter. Popularity breaks them in double
    precision; single precision would round it away.
    """
    places = customer_items.places_of(customers)
    owners, items = customer_items.customers[places], customer_items.items[places]
    scores = model.own.data[places].astype(np.float64) + TIE_WEIGHT * popularity[items]
    if RULES[slate].shows is Shows.ALL:
        owners = np.concatenate([owners, popular[0]])
        items = np.concatenate([items, popular[1]])
        scores = np.concatenate([scores, TIE_WEIGHT * popular[2]])
        order = np.lexsort((items, owners))
        owners, items, scores = owners[order], items[order], scores[order]
    return best_items(owners, items, scores, k).for_customers(customers)
