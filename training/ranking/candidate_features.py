"""A fitted cutoff: base models and features of one history, and the candidate rows of each slate.

Rows are looked up for a block of customers at a time, so that memory stays constant.
"""

from dataclasses import dataclass

import numpy as np

from training.dataset.history import Flags, Floats, History, Rows
from training.dataset.segments import log_ranks, max_normalised
from training.features.facts import Column, Facts, gather_facts
from training.metrics.model import Family
from training.ranking.candidates import Pool, PoolSize
from training.recommenders.constants import Constants
from training.recommenders.registry import (
    BASE_MODELS,
    DEFAULTS,
    FittedBaseModels,
    fit_base_models,
)

_VOTES = 20  # a proposer votes for its first items


@dataclass(frozen=True, slots=True)
class SlateRows:
    """Candidates of one slate, sorted by customer, then item."""

    customers: Rows  # (rows,)
    items: Rows  # (rows,)
    features: Floats  # (rows, columns)

    def __len__(self) -> int:
        return len(self.items)

    def only(self, kept: Flags) -> "SlateRows":
        return SlateRows(self.customers[kept], self.items[kept], self.features[kept])


@dataclass(frozen=True, slots=True)
class FittedCutoff:
    base_models: FittedBaseModels
    facts: Facts
    size: PoolSize

    def columns(self) -> tuple[Column, ...]:
        """Return group and name of each feature."""
        names = list(self.base_models.proposers)
        popular = [BASE_MODELS[name].family is Family.POPULARITY for name in names]
        pairs = list(zip(names, popular, strict=True))
        return (
            *(("popular" if is_popular else "score", name) for name, is_popular in pairs),
            *(
                ("popular_rank" if is_popular else "rank", f"{name}_rank")
                for name, is_popular in pairs
            ),
            ("rank", "mean_rank"),
            ("rank", "best_rank"),
            ("score", "votes"),
            ("score", "rhythm_relative"),
            ("pair", "rhythm"),
            *self.facts.columns(),
        )

    def rows(self, pool: Pool, facts: Floats | None = None, kept: Flags | None = None) -> SlateRows:
        """Look up the features of a slate's pool, or of its rows `kept`.

        Ranks are within the whole pool. `facts` are the features of its rows if already looked up.
        """
        if not len(pool.items):
            return SlateRows(pool.customers, pool.items, self.no_features())
        scores = self.score_features(pool)
        if kept is not None:
            pool, scores = pool.only(kept), scores[kept]
        found = self.facts_of(pool) if facts is None else facts
        return SlateRows(pool.customers, pool.items, np.hstack([scores, found]))

    def facts_of(self, pool: Pool) -> Floats:
        return self.facts.at(pool.customers, pool.items, pool.places)

    def no_features(self) -> Floats:
        return np.zeros((0, len(self.columns())), np.float32)

    def score_features(self, pool: Pool) -> Floats:
        """Return scores relative to the customer's best, log ranks, and their agreement."""
        ranks = log_ranks(pool.customers, pool.scores)
        personal = ranks[:, [name not in self.popular() for name in self.base_models.proposers]]
        chance = np.zeros((len(pool.items), 1), np.float32)
        chance[pool.owned, 0] = self.base_models.personal["rhythm"].own.data[
            pool.places[pool.owned]
        ]
        return np.hstack(
            [
                max_normalised(pool.customers, pool.scores),
                ranks,
                personal.mean(axis=1, keepdims=True),
                personal.min(axis=1, keepdims=True),
                (personal < np.log1p(_VOTES)).sum(axis=1, keepdims=True, dtype=np.float32),
                max_normalised(pool.customers, chance),
                chance,
            ]
        )

    def popular(self) -> set[str]:
        names = self.base_models.proposers
        return {name for name in names if BASE_MODELS[name].family is Family.POPULARITY}


def fit_cutoff(
    history: History,
    horizon_days: float,
    seed: int,
    size: PoolSize,
    constants: Constants = DEFAULTS,
) -> FittedCutoff:
    """Fit the base models and compute the features of a history, which ends at the cutoff."""
    base_models = fit_base_models(history, horizon_days, seed, constants)
    return FittedCutoff(base_models, gather_facts(base_models, horizon_days), size)
