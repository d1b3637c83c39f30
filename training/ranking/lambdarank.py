"""LambdaRank over pooled candidates (LightGBM), in variants that see different features.

Facts of an item are the same for all customers, so with few windows a ranker learns the items of
those weeks by heart; the variants without them, or with scores only, are safer before a season.
"""

from dataclasses import dataclass
from threading import Lock
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from recsvc.domain.catalogue.slates import CustomerSlate
from training.concurrency import each
from training.dataset.history import Floats, Rows
from training.dataset.slate_rules import RULES
from training.features.facts import Column
from training.metrics.model import Family, Model
from training.metrics.results import Importance
from training.ranking.samples import Sample

_THREADS = 1  # see `parallel`
_BINNING = Lock()


@dataclass(frozen=True, slots=True)
class Variant:
    """Which groups of features a ranker does not see, and whether scores may only help."""

    model: Model
    without: frozenset[str] = frozenset()
    monotone: bool = False

    def sees(self, columns: tuple[Column, ...]) -> Rows:
        return np.array([at for at, (group, _) in enumerate(columns) if group not in self.without])


def _variant(name: str, title: str, *without: str, monotone: bool = False) -> Variant:
    return Variant(Model(name, title, Family.RANKER), frozenset(without), monotone)


FULL = _variant("ranker", "LambdaRank, all features")
MONOTONE = _variant("ranker_monotone", "LambdaRank, scores may only help", monotone=True)
NO_ITEM = _variant(
    "ranker_without_items", "LambdaRank, no facts of items", "item", "popular", "popular_rank"
)
SCORES = _variant(
    "ranker_scores",
    "LambdaRank, scores only",
    "item",
    "pair",
    "customer",
    "category",
    monotone=True,
)

VARIANTS = {each.model.name: each for each in (FULL, MONOTONE, NO_ITEM, SCORES)}

TUNED = FULL  # what settings are searched for: it ranks every slate, and sees everything

_DIRECTIONS = {"score": 1, "popular": 1, "rank": -1, "popular_rank": -1}


@dataclass(frozen=True, slots=True)
class Boosting:
    rounds: int = 75
    leaves: int = 15
    learning_rate: float = 0.1
    feature_fraction: float = 0.3
    truncation: int = 20  # ranks that are worth getting right
    l2: float = 5.0

    def parameters(self, seed: int) -> dict[str, Any]:
        return {
            "objective": "lambdarank",
            "lambdarank_truncation_level": self.truncation,
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "feature_fraction": self.feature_fraction,
            "bagging_fraction": 0.5,
            "bagging_freq": 1,
            "bagging_by_query": True,
            "min_data_in_leaf": 50,
            "max_bin": 63,
            "lambda_l2": self.l2,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": _THREADS,
            "verbosity": -1,
        }


@dataclass(frozen=True, slots=True)
class FittedRanker:
    variant: Variant
    sees: Rows  # columns of the features
    boosters: tuple[lgb.Booster, ...]

    def score(self, features: Floats) -> NDArray[np.float64]:
        seen = np.ascontiguousarray(features[:, self.sees])
        scores = [
            np.asarray(booster.predict(seen, num_threads=_THREADS)) for booster in self.boosters
        ]
        return np.asarray(np.mean(scores, axis=0))

    def importances(self, columns: tuple[Column, ...]) -> tuple[Importance, ...]:
        """Share out the gain in the loss, greatest first."""
        gains = np.sum([booster.feature_importance("gain") for booster in self.boosters], axis=0)
        shares = gains / max(float(gains.sum()), 1e-12)
        order = np.argsort(-shares, kind="stable")
        named = ((columns[self.sees[at]], float(shares[at])) for at in order)
        return tuple(Importance(name, group, share) for (group, name), share in named)


def variants_of(slate: CustomerSlate) -> tuple[Variant, ...]:
    return tuple(VARIANTS[name] for name in RULES[slate].variants)


def fit_ranker(
    variant: Variant,
    columns: tuple[Column, ...],
    samples: list[Sample],
    boosting: Boosting,
    seeds: tuple[int, ...],
) -> FittedRanker:
    """Learn from all windows' samples together; a customer in a window is one query."""
    sees = variant.sees(columns)
    parameters = boosting.parameters(seeds[0])
    if variant.monotone:
        parameters["monotone_constraints"] = [_DIRECTIONS.get(columns[at][0], 0) for at in sees]
    data = _binned(samples, sees, parameters)
    boosters = each(
        lambda seed: lgb.train({**parameters, "seed": seed}, data, boosting.rounds), seeds
    )
    return FittedRanker(variant, sees, tuple(boosters))


def _binned(samples: list[Sample], sees: Rows, parameters: dict[str, Any]) -> lgb.Dataset:
    """Join samples as LightGBM keeps them, a byte a value: the numbers are let go of on return.

    One at a time: on the way each value stands there several times, as double too, which is the
    most memory that a training takes.
    """
    with _BINNING:
        return lgb.Dataset(
            np.concatenate([sample.features[:, sees] for sample in samples]),
            np.concatenate([sample.labels for sample in samples]),
            group=np.concatenate([sample.groups for sample in samples]),
            params=parameters,
        ).construct()
