"""Scores of every competing model for candidate rows, and NDCG of their rankings."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recsvc.domain.catalogue.slates import CustomerSlate
from training.dataset.ground_truth import GroundTruth
from training.dataset.history import Floats, Rows
from training.dataset.segments import NOTHING
from training.features.facts import Column
from training.metrics import ranking_quality as metrics
from training.metrics.ranking_quality import Values
from training.metrics.results import MAIN_K, Importance
from training.ranking.candidate_features import SlateRows
from training.ranking.ranked_items import RankedItems, best_items
from training.recommenders.registry import TIE_BREAKER, TIE_WEIGHT, competing

Scores = NDArray[np.floating]

KEPT = 30  # items of a ranking, more than are judged: purchases after a cutoff move them


class Learned(Protocol):
    """A fitted ranker or blend, immutable, that scores rows by their features."""

    def score(self, features: Floats) -> NDArray[np.float64]: ...

    def importances(self, columns: tuple[Column, ...]) -> tuple[Importance, ...]: ...


def every_score(
    columns: tuple[Column, ...],
    rows: SlateRows,
    slate: CustomerSlate,
    learned: Mapping[str, Learned],
) -> Iterator[tuple[str, Scores]]:
    """Score rows with each base model of the slate and each learned model."""
    for name in competing(slate):
        yield name, base_score(columns, rows, name)
    for name, model in learned.items():
        yield name, model.score(rows.features)


def base_score(columns: tuple[Column, ...], rows: SlateRows, name: str) -> Scores:
    """Return a base model's score; popularity orders the items that it scores equally."""
    names = [column for _, column in columns]
    own = np.nan_to_num(rows.features[:, names.index(name)]).astype(np.float64)
    return np.asarray(own + TIE_WEIGHT * rows.features[:, names.index(TIE_BREAKER)])


def top_items(rows: SlateRows, scores: Scores) -> RankedItems:
    return best_items(rows.customers, rows.items, scores, KEPT)


def lists_of(customers: Rows, rankings: Iterable[RankedItems], k: int) -> Rows:
    """Return the first k items of each customer (ascending), NOTHING where there are fewer."""
    ranked = np.full((len(customers), k), NOTHING, np.int64)
    for ranking in rankings:
        known = np.isin(ranking.customers, customers)
        at = np.searchsorted(customers, ranking.customers[known])
        ranked[at, : ranking.items.shape[1]] = ranking.items[known, :k]
    return ranked


def ndcg_of(ground_truth: GroundTruth, customers: Rows, rankings: Iterable[RankedItems]) -> Values:
    """Return NDCG of each customer with a relevant item; 0 without a list."""
    judged = with_ground_truth(ground_truth, customers)
    ranked = lists_of(judged, rankings, MAIN_K)
    hits = metrics.hits_of(ground_truth, judged, ranked)
    return metrics.ndcg(hits, ground_truth.relevant[judged], MAIN_K)


def with_ground_truth(ground_truth: GroundTruth, customers: Rows) -> Rows:
    return customers[ground_truth.relevant[customers] > 0]
