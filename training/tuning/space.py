"""The search space: boosting parameters of a slate's ranker. The defaults are one of its points."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from optuna.distributions import FloatDistribution, IntDistribution

from training.ranking.lambdarank import Boosting

Point = dict[str, Any]

# More rounds or leaves cost more time than they gained on windows of a few weeks.
SPACE: Mapping[str, FloatDistribution | IntDistribution] = {
    "rounds": IntDistribution(30, 240, log=True),
    "leaves": IntDistribution(5, 40, log=True),
    "learning_rate": FloatDistribution(0.02, 0.3, log=True),
    "feature_fraction": FloatDistribution(0.1, 0.9),
    "truncation": IntDistribution(10, 40, log=True),
    "l2": FloatDistribution(0.1, 100.0, log=True),
}


def point_of(boosting: Boosting) -> Point:
    return asdict(boosting)


def boosting_of(point: Mapping[str, Any]) -> Boosting:
    return Boosting(**point)
