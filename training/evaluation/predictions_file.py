"""The rankings of an evaluation as a table, with the shop's own ids."""

import numpy as np
import polars as pl

from recsvc.domain.catalogue.slates import CustomerSlate
from training.dataset.customer_items import customer_items_of
from training.dataset.holdout import Split
from training.dataset.slate_rules import TOPPED_UP
from training.evaluation.holdout_rankings import RANKS, HoldoutRankings
from training.ranking.ranked_items import RankedItems

_SCHEMA = {
    "customer_id": pl.String,
    "slate": pl.String,
    "rank": pl.Int32,
    "item_id": pl.String,
    "score": pl.Float32,
}


def predictions(split: Split, rankings: HoldoutRankings) -> pl.DataFrame:
    """Return customer_id, slate, rank (1 is best), item_id and score.

    Customers without earlier purchases get popular items, as the service would answer.
    """
    ids = split.learning.customer_ids
    known = [ids[row] for row in rankings.customers]
    parts = [_table(split, slate, known, lists) for slate, lists in rankings.published.items()]
    unknown = list(split.holdout.unknown_customers)
    popular = _popular_lists(split, len(unknown))
    parts += [_table(split, slate, unknown, popular) for slate in TOPPED_UP]
    return pl.concat(parts).sort("customer_id", "slate", "rank")


def _table(
    split: Split, slate: CustomerSlate, customers: list[str], lists: RankedItems
) -> pl.DataFrame:
    row, place = np.nonzero(lists.listed)
    item_ids = pl.Series(split.learning.item_ids, dtype=pl.String)
    return pl.DataFrame(
        {
            "customer_id": pl.Series(customers, dtype=pl.String)[row],
            "slate": [str(slate)] * len(row),
            "rank": place + 1,
            "item_id": item_ids[lists.items[row, place]],
            "score": lists.scores[row, place],
        },
        schema=_SCHEMA,
    )


def _popular_lists(split: Split, customers: int) -> RankedItems:
    buyers = customer_items_of(split.learning.history).buyers
    best = np.argsort(-buyers, kind="stable")[:RANKS]
    best = best[buyers[best] > 0]
    scores = buyers[best].astype(np.float32)
    return RankedItems(
        np.arange(customers), np.tile(best, (customers, 1)), np.tile(scores, (customers, 1))
    )
