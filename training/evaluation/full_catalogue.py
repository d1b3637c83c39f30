"""Simple models ranking the whole catalogue, to measure them: no candidates, no sampling."""

from collections.abc import Mapping

import numpy as np

from recsvc.domain.catalogue.slates import CustomerSlate
from training.dataset.customer_items import CustomerItems
from training.dataset.history import Floats, Rows
from training.dataset.segments import NOTHING, best_rows
from training.metrics.results import Family
from training.ranking.top_k import best
from training.recommenders.personal_frequency import OwnScores
from training.recommenders.protocol import Fitted
from training.recommenders.registry import SIMPLE, TIE_BREAKER, FittedBaseModels, competing
from training.selection.inference import Lists

_TIE_WEIGHT = 1e-6


def rank_simple(
    line_up: FittedBaseModels, customers: Rows, k: int
) -> dict[CustomerSlate, dict[str, Lists]]:
    """Rank everything for some customers, by every simple model of every slate.

    Items that a model knows nothing of are in the order of popularity.
    """
    pairs = line_up.past.pairs
    ranked: dict[CustomerSlate, dict[str, Lists]] = {slate: {} for slate in CustomerSlate}
    popularity = _popularity_of(line_up)
    popular = _unseen_popular(line_up, customers, k)
    for name in SIMPLE:
        slates = [slate for slate in CustomerSlate if name in competing(slate)]
        if SIMPLE[name].family is Family.PERSONAL:
            own = line_up.personal[name]
            for slate in slates:
                ranked[slate][name] = _rank_own(
                    pairs, own, popularity, customers, popular, slate, k
                )
        else:
            by_slate = _rank_catalogue(line_up, line_up.proposers[name], customers, slates, k)
            for slate, lists in by_slate.items():
                ranked[slate][name] = lists
    return ranked


def _rank_catalogue(
    line_up: FittedBaseModels, model: Fitted, customers: Rows, slates: list[CustomerSlate], k: int
) -> Mapping[CustomerSlate, Lists]:
    scores = _normalised(model.score(customers))
    scores += np.float32(_TIE_WEIGHT) * _popularity_of(line_up)[model.items]
    own = line_up.past.pairs.owned(customers)[:, model.items]
    ranked = {}
    for slate in slates:
        shown = {CustomerSlate.DISCOVER: ~own, CustomerSlate.BUY_AGAIN: own}.get(slate)
        top = best(scores, shown, k)
        items = np.where(top.items == NOTHING, NOTHING, model.items[top.items])
        ranked[slate] = _padded(Lists(items, top.scores), k)
    return ranked


def _normalised(scores: Floats) -> Floats:
    """Bring each customer's best score to 1, so that ties are broken alike for all."""
    greatest = scores.max(axis=1, keepdims=True, initial=0)
    return np.asarray(scores / np.where(greatest > 0, greatest, 1), dtype=np.float32)


def _popularity_of(line_up: FittedBaseModels) -> Floats:
    model = line_up.proposers[TIE_BREAKER]
    values = np.zeros(line_up.past.history.items_total, np.float32)
    values[model.items] = model.score(np.zeros(1, np.int64))[0]
    return values


def _unseen_popular(
    line_up: FittedBaseModels, customers: Rows, k: int
) -> tuple[Rows, Rows, Floats]:
    """Return customers, items and popularity of each customer's most popular unseen items."""
    model = line_up.proposers[TIE_BREAKER]
    own = line_up.past.pairs.owned(customers)[:, model.items]
    top = best(model.score(customers), ~own, k)
    rows, places = np.nonzero(top.items != NOTHING)
    return customers[rows], model.items[top.items[rows, places]], top.scores[rows, places]


def _rank_own(
    pairs: CustomerItems,
    model: OwnScores,
    popularity: Floats,
    customers: Rows,
    popular: tuple[Rows, Rows, Floats],
    slate: CustomerSlate,
    k: int,
) -> Lists:
    """Rank a customer's own items, then what is popular.

    Most counts are one where visits are rare, so ties matter: popularity breaks them, in double
    precision, for in single it would be rounded away.
    """
    places = pairs.places_of(customers)
    owners, items = pairs.customers[places], pairs.items[places]
    scores = model.own.data[places].astype(np.float64) + _TIE_WEIGHT * popularity[items]
    if slate is CustomerSlate.FOR_YOU:
        owners = np.concatenate([owners, popular[0]])
        items = np.concatenate([items, popular[1]])
        scores = np.concatenate([scores, _TIE_WEIGHT * popular[2]])
        order = np.argsort(owners, kind="stable")
        owners, items, scores = owners[order], items[order], scores[order]
    lists = Lists(np.full((len(customers), k), NOTHING), np.full((len(customers), k), -np.inf))
    present, ranked, values = best_rows(owners, items, scores, k)
    at = np.searchsorted(customers, present)
    lists.items[at], lists.scores[at] = ranked, values
    return lists


def _padded(lists: Lists, k: int) -> Lists:
    """Fill lists of a small catalogue up to k."""
    missing = k - lists.items.shape[1]
    if missing <= 0:
        return lists
    return Lists(
        np.pad(lists.items, ((0, 0), (0, missing)), constant_values=NOTHING),
        np.pad(lists.scores, ((0, 0), (0, missing)), constant_values=-np.inf),
    )
