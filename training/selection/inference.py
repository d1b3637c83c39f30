"""Rank candidates with the selected models: the best items of each slate for some customers."""

import numpy as np

from recsvc.domain.catalogue.slates import CustomerSlate
from training.dataset.customer_items import CustomerItems
from training.dataset.history import Rows
from training.dataset.slate_rules import RULES, Shows
from training.ranking.candidate_features import SlateRows
from training.ranking.candidates import Pool
from training.ranking.ranked_items import RankedItems, best_items
from training.ranking.scoring import Scores, base_score
from training.selection.model_selection import SelectedModels


def rank_slates(
    selected: SelectedModels, pool: Pool, customers: Rows, k: int
) -> dict[CustomerSlate, RankedItems]:
    """Rank a pool for every slate. A slate that ranks like another one is not ranked again."""
    ranked: dict[CustomerSlate, RankedItems] = {}
    for slate, source in sorted(selected.rows_of.items(), key=lambda pair: pair[0] != pair[1]):
        same = ranked.get(source)
        ranked[slate] = rank_pool(selected, pool, slate, customers, k) if same is None else same
    return ranked


def rank_pool(
    selected: SelectedModels, pool: Pool, slate: CustomerSlate, customers: Rows, k: int
) -> RankedItems:
    """Rank a pool for its customers, and fill short lists if the slate's rule says so."""
    source = selected.rows_of[slate]
    rows = selected.cutoff.rows(pool.only(RULES[source].shown(pool.owned)))
    scores = _published_scores(selected, rows, slate) if len(rows) else np.zeros(0)
    ranked = best_items(rows.customers, rows.items, scores, k).for_customers(customers)
    if RULES[slate].top_up:
        _top_up(ranked, selected.cutoff.base_models.training_data.customer_items, source)
    return ranked


def _published_scores(selected: SelectedModels, rows: SlateRows, slate: CustomerSlate) -> Scores:
    model = selected.models.get(slate)
    if model is not None:
        return model.score(rows.features)
    return base_score(selected.cutoff.columns(), rows, selected.choices[slate].winner)


def _top_up(lists: RankedItems, customer_items: CustomerItems, source: CustomerSlate) -> None:
    """Fill short lists in place with popular items that the slate may show, below all ranked
    items.
    """
    short = np.flatnonzero(~lists.listed.all(axis=1))
    if not len(short):  # counting all buyers is expensive, and blocks are many
        return
    buyers = customer_items.buyers
    popular = np.argsort(-buyers, kind="stable")[: np.count_nonzero(buyers)]
    for row in short:
        count = int(lists.listed[row].sum())
        excluded = lists.items[row, :count]
        if RULES[source].shows is Shows.UNSEEN:
            own = customer_items.items[customer_items.places_of(lists.customers[row : row + 1])]
            excluded = np.concatenate([excluded, own])
        missing = lists.items.shape[1] - count
        extra = popular[: missing + len(excluded)]
        extra = extra[~np.isin(extra, excluded)][:missing]
        least = lists.scores[row, count - 1] if count else 0.0
        lists.items[row, count : count + len(extra)] = extra
        lists.scores[row, count : count + len(extra)] = least - np.arange(1, len(extra) + 1) * 1e-3
