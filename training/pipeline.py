"""One training, from readable purchases to a finished model in memory. Touches no file or store."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any

import numpy as np

from recsvc.domain.identity import CustomerHasher
from recsvc.domain.ids import CustomerId
from recsvc.domain.slates import ItemSlate
from recsvc.model.artifact import Artifact
from training.catalogue import Catalogue
from training.errors import NotPublishable
from training.evaluate import CUTOFF, Figures, figures, judge_line_up
from training.ingest import Purchases
from training.interactions import Interactions, from_lines
from training.item_lists import neighbour_list, popular, popular_by_category, trending
from training.line_up import LineUp, LineUpSettings, fit_line_up
from training.progress import Progress
from training.recommenders.als import Als
from training.recommenders.co_purchase import CoPurchase
from training.recommenders.trending import Trending
from training.selection import DEFAULTS, Choice, choose
from training.slates import fill_slates
from training.windows import last_window


@dataclass(frozen=True, slots=True)
class Plan:
    """What decides the result besides the data."""

    seed: int
    horizon_days: float
    co_purchase: CoPurchase = field(default_factory=CoPurchase)
    trending: Trending = field(default_factory=Trending)

    @property
    def line_up(self) -> LineUpSettings:
        return LineUpSettings(als=Als(seed=self.seed))

    def as_parameters(self) -> dict[str, Any]:
        return {
            "horizon_days": self.horizon_days,
            "co_purchase": asdict(self.co_purchase),
            "trending": asdict(self.trending),
            **self.line_up.as_parameters(),
        }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Which recommender each slate gets, and the figures that say why."""

    choice: Choice
    metrics: Mapping[str, Any]

    @property
    def judged(self) -> bool:
        return bool(self.metrics["judged"])


@dataclass(frozen=True, slots=True)
class Trained:
    artifact: Artifact
    evaluation: Evaluation
    customers: int
    items: int


def train(
    purchases: Purchases,
    catalogue: Catalogue,
    hasher: CustomerHasher,
    plan: Plan,
    progress: Progress,
) -> Trained:
    """Judge on held-out purchases, then fit everything on all of them.

    Raises NotPublishable when no purchase is left to learn from.
    """
    if purchases.lines.is_empty():
        raise NotPublishable(
            "no purchase of a customer who consented to training is left to learn from",
            code="nothing_to_learn",
        )
    with progress.step("Sorting purchases") as advance:
        interactions = from_lines(
            purchases.lines, timed=purchases.timed, categories=catalogue.categories
        )
        advance()
    evaluation = evaluate(interactions, plan, progress)
    line_up = fit_line_up(interactions, plan.line_up, progress, "Fitting on everything")
    artifact = build(interactions, line_up, evaluation.choice, hasher, plan, progress)
    return Trained(artifact, evaluation, *interactions.shape)


def evaluate(interactions: Interactions, plan: Plan, progress: Progress) -> Evaluation:
    """Judge the line-up on the last window; without one, the defaults stand unjudged."""
    window = last_window(interactions, plan.horizon_days)
    if window is None:
        return Evaluation(DEFAULTS, {"judged": False, "reason": "too little history to judge"})
    line_up = fit_line_up(window.seen, plan.line_up, progress, "Fitting on the past")
    judged = judge_line_up(line_up, window, progress)
    choice = choose(judged)
    slates = {
        str(slate): {
            "chosen": choice[slate],
            "recommenders": {name: named(row) for name, row in figures(by_name).items()},
        }
        for slate, by_name in judged.items()
    }
    return Evaluation(choice, {"judged": True, "window": window.name, "slates": slates})


def named(row: Figures) -> dict[str, float | int | None]:
    """Return the figures as the manifest names them; what has no value is null."""
    values = {
        f"ndcg@{CUTOFF}": row.ndcg,
        "standard_error": row.ndcg_error,
        f"recall@{CUTOFF}": row.recall,
        f"hit_rate@{CUTOFF}": row.hit_rate,
        "over_popularity": row.ndcg_over_popularity,
        "over_popularity_error": row.ndcg_over_popularity_error,
    }
    rounded = {name: round(value, 6) if isfinite(value) else None for name, value in values.items()}
    return {**rounded, "customers": row.customers}


def build(
    interactions: Interactions,
    line_up: LineUp,
    choice: Choice,
    hasher: CustomerHasher,
    plan: Plan,
    progress: Progress,
) -> Artifact:
    keys = [hasher.key_of(CustomerId(customer)) for customer in interactions.customer_ids]
    by_key = np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int32)
    slates = fill_slates(line_up, choice, by_key, progress)
    with progress.step("Items bought together") as advance:
        together = plan.co_purchase.fit(interactions)
        advance()
    everywhere = popular(plan.line_up.popularity.fit(interactions).item_scores)
    return Artifact(
        item_ids=interactions.item_ids,
        customer_keys=[keys[row] for row in by_key],
        slates=slates,
        neighbours={
            ItemSlate.SIMILAR: neighbour_list(line_up.neighbours.lists),
            ItemSlate.BOUGHT_TOGETHER: neighbour_list(together),
        },
        popular=everywhere,
        trending=trending(plan.trending.fit(interactions).item_scores),
        categories=popular_by_category(interactions, everywhere),
    )
