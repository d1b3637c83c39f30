"""The base models that compete, and those that propose candidates.

Every time span is a multiple of the horizon, so that no number is specific to one shop.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from recsvc.domain.catalogue.slates import CustomerSlate
from training.concurrency import each
from training.dataset.history import History
from training.dataset.slate_rules import RULES
from training.dataset.training_data import TrainingData, training_data_of
from training.metrics.model import Family, Model
from training.recommenders.adoption import Adoption
from training.recommenders.als import Als
from training.recommenders.co_purchase import CoPurchase
from training.recommenders.constants import Constants
from training.recommenders.ease import Ease
from training.recommenders.item_neighbours import ItemNeighbours
from training.recommenders.personal_frequency import OwnScores, PersonalFrequency
from training.recommenders.popularity import Popularity
from training.recommenders.protocol import Fitted, Recommender
from training.recommenders.rare_items import FittedRareItems, RareItemNeighbours
from training.recommenders.rhythm import Rhythm
from training.recommenders.tifu_knn import TifuKnn
from training.recommenders.up_cf import UpCf

_POPULAR = Family.POPULARITY
_PERSONAL = Family.PERSONAL
_COLLABORATIVE = Family.COLLABORATIVE

BASE_MODELS: Mapping[str, Model] = {
    model.name: model
    for model in (
        Model("popularity", "Popularity, all of the past", _POPULAR, baseline=True),
        Model("season_popularity", "Popularity, last three horizons", _POPULAR),
        Model("recent_popularity", "Popularity, last horizon", _POPULAR, baseline=True),
        Model("latest_popularity", "Popularity, last quarter of a horizon", _POPULAR),
        Model("adoption", "First purchases, last horizon", _POPULAR),
        Model("season_adoption", "First purchases, last three horizons", _POPULAR),
        Model("personal_frequency", "Own purchases", _PERSONAL, baseline=True),
        Model("decayed_short", "Own purchases, half-life ½ horizon", _PERSONAL),
        Model("decayed_medium", "Own purchases, half-life 1½ horizons", _PERSONAL),
        Model("decayed_personal", "Own purchases, half-life 3 horizons", _PERSONAL, baseline=True),
        Model("decayed_longest", "Own purchases, half-life 8 horizons", _PERSONAL),
        Model("rhythm", "Own purchases by their rhythm", _PERSONAL),
        Model("tifu_knn", "TIFU-KNN", _COLLABORATIVE),
        Model("up_cf", "UP-CF@r", _COLLABORATIVE),
        Model("als", "iALS", _COLLABORATIVE, baseline=True),
        Model("recent_als", "iALS, recent purchases", _COLLABORATIVE),
        Model("ease", "EASE", _COLLABORATIVE),
        Model("recent_ease", "EASE, recent purchases", _COLLABORATIVE),
        Model("item_neighbours", "Item neighbours", _COLLABORATIVE, baseline=True),
        Model("co_purchase", "Bought together with the last orders", _COLLABORATIVE),
    )
}
DEFAULTS = Constants()
_RECENT_PENALTY = 0.4  # of the penalty of EASE: recent purchases are fewer
RARE_ITEMS_AS = "item_neighbours"  # the base model whose score a rare item has
TIE_BREAKER = "popularity"
TIE_WEIGHT = 1e-6  # of the tie breaker's score: it orders equal scores only


def competing(slate: CustomerSlate) -> list[str]:
    """Return the names of the base models that compete for a slate."""
    families = RULES[slate].competing_families
    return [name for name, model in BASE_MODELS.items() if model.family in families]


def proposers(
    horizon_days: float, seed: int, constants: Constants = DEFAULTS
) -> dict[str, Recommender]:
    """Return the models that propose items new to a customer."""
    als, groups, penalty = constants.als, constants.order_groups, constants.ease_penalty
    return {
        "popularity": Popularity(),
        "season_popularity": Popularity(3 * horizon_days),
        "recent_popularity": Popularity(horizon_days),
        "latest_popularity": Popularity(0.25 * horizon_days),
        "adoption": Adoption(horizon_days),
        "season_adoption": Adoption(3 * horizon_days),
        "tifu_knn": TifuKnn(groups.size, groups.within_decay, groups.group_decay),
        "up_cf": UpCf(constants.peer_orders),
        "als": Als(
            seed,
            factors=als.factors,
            regularization=als.regularization,
            is_scaled=als.is_scaled,
        ),
        "recent_als": Als(
            seed,
            half_life_days=2 * horizon_days,
            factors=als.factors // 2,
            regularization=als.regularization,
            is_scaled=als.is_scaled,
        ),
        "ease": Ease(penalty),
        "recent_ease": Ease(_RECENT_PENALTY * penalty, half_life_days=2 * horizon_days),
        "item_neighbours": ItemNeighbours(
            2 * horizon_days, shrinkage=constants.neighbour_shrinkage
        ),
        "co_purchase": CoPurchase(),
    }


def personal(horizon_days: float) -> dict[str, PersonalFrequency | Rhythm]:
    """Return the models that rank a customer's own items. Their scores are features of a pair."""
    return {
        "personal_frequency": PersonalFrequency(),
        "decayed_short": PersonalFrequency(0.5 * horizon_days),
        "decayed_medium": PersonalFrequency(1.5 * horizon_days),
        "decayed_personal": PersonalFrequency(3 * horizon_days),
        "decayed_longest": PersonalFrequency(8 * horizon_days),
        "rhythm": Rhythm(horizon_days),
    }


@dataclass(frozen=True, slots=True)
class FittedBaseModels:
    """Every base model, fitted at one cutoff. `rare`: None if no item is beyond the head."""

    training_data: TrainingData
    proposers: Mapping[str, Fitted]
    personal: Mapping[str, OwnScores]
    rare: FittedRareItems | None = None


def fit_base_models(
    history: History, horizon_days: float, seed: int, constants: Constants = DEFAULTS
) -> FittedBaseModels:
    training_data = training_data_of(history, constants.head_limit)
    recommenders = proposers(horizon_days, seed, constants)
    fitted = each(lambda name: recommenders[name].fit(training_data), recommenders)
    own = {name: model.fit(training_data) for name, model in personal(horizon_days).items()}
    rare = None
    if len(training_data.rare):
        neighbours = RareItemNeighbours(2 * horizon_days, constants.neighbour_shrinkage)
        rare = neighbours.fit(training_data)
    return FittedBaseModels(training_data, dict(zip(recommenders, fitted, strict=True)), own, rare)
