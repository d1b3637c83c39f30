"""LambdaRank over pooled candidates (LightGBM), in variants that use different features.

Item features are the same for all customers, so with few windows a ranker overfits to the items of
those weeks. The variants without them, or with scores only, are safer before a new season.
"""

from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsvc.domain.catalogue.slates import CustomerSlate
from training.concurrency import each
from training.dataset.history import Floats, Rows
from training.dataset.slate_rules import RULES
from training.features.facts import Column
from training.metrics.model import Family, Model
from training.metrics.results import Importance
from training.ranking.lightgbm_alone import lgb
from training.ranking.samples import Sample

THREADS = 1  # see `concurrency`
_BINNING = Lock()


@dataclass(frozen=True, slots=True)
class Variant:
    """`without`: feature groups not used. `monotone`: a higher score never lowers the rank."""

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

TUNED = FULL  # the tuned variant: it ranks every slate with all features

_DIRECTIONS = {"score": 1, "popular": 1, "rank": -1, "popular_rank": -1}


@dataclass(frozen=True, slots=True)
class Boosting:
    rounds: int = 75
    leaves: int = 15
    learning_rate: float = 0.1
    feature_fraction: float = 0.3
    truncation: int = 20  # ranks that count in the loss
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
            "num_threads": THREADS,
            "verbosity": -1,
        }


@dataclass(frozen=True, slots=True)
class FittedRanker:
    variant: Variant
    sees: Rows  # columns of the features
    boosters: tuple[lgb.Booster, ...]

    def score(self, features: Floats) -> NDArray[np.float64]:
        all_seen = len(self.sees) == features.shape[1]
        seen = features if all_seen else np.take(features, self.sees, axis=1)
        scores = [
            np.asarray(booster.predict(seen, num_threads=THREADS)) for booster in self.boosters
        ]
        return np.asarray(np.mean(scores, axis=0))

    def importances(self, columns: tuple[Column, ...]) -> tuple[Importance, ...]:
        """Return each feature's share of the total gain, greatest first."""
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
    """Train on the samples of all windows; a customer in a window is one query."""
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
    """Join the samples as LightGBM bins them, at one byte per value; free the floats on return.

    The lock allows one call at a time: LightGBM copies each value several times, also as double,
    which is the training's peak of memory.
    """
    with _BINNING:
        return lgb.Dataset(
            np.concatenate([sample.features[:, sees] for sample in samples]),
            np.concatenate([sample.labels for sample in samples]),
            group=np.concatenate([sample.groups for sample in samples]),
            params=parameters,
        ).construct()
