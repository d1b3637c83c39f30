"""Which recommenders compete for which slate, with their settings. The first of each is the
default: it is published unless another is clearly better on held-out purchases.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from scipy import sparse

from recsvc.domain.slates import CustomerSlate
from training.interactions import Floats, Interactions, Rows
from training.progress import Progress
from training.ranking import Flags
from training.recommenders.als import Als
from training.recommenders.blend import blend, new_first
from training.recommenders.item_neighbours import FittedItemNeighbours, ItemNeighbours
from training.recommenders.popularity import Popularity
from training.recommenders.protocol import FittedRecommender
from training.recommenders.repeat_purchase import RepeatPurchase

BASELINE = "popularity"

# The last weight of each is for customers of whom nothing else is known.
BLENDS: Mapping[str, Mapping[str, float]] = {
    "habit_blend": {"repeat_purchase": 1.0, "als": 0.2, "popularity": 0.01},
    "taste_blend": {"als": 1.0, "item_neighbours": 0.25, "popularity": 0.01},
}
# What a shop needs for `for_you` where nothing is bought twice.
NEW_FIRST = {"new_taste_blend": "taste_blend"}

COMPETING: Mapping[CustomerSlate, Sequence[str]] = {
    CustomerSlate.FOR_YOU: (
        "habit_blend",
        "repeat_purchase",
        "als",
        "item_neighbours",
        "new_taste_blend",
        "recent_popularity",
        "popularity",
    ),
    CustomerSlate.DISCOVER: (
        "taste_blend",
        "als",
        "item_neighbours",
        "recent_popularity",
        "popularity",
    ),
    CustomerSlate.BUY_AGAIN: ("repeat_purchase", "habit_blend", "als", "popularity"),
}


@dataclass(frozen=True, slots=True)
class LineUp:
    """Every competing recommender, fitted on the same interactions."""

    singles: Mapping[str, FittedRecommender]
    neighbours: FittedItemNeighbours
    history: sparse.csr_array  # customers × items: in how many orders

    def own(self, customers: Rows) -> Flags:
        """Return what some customers have bought."""  # (len(customers), items)
        return self.history[customers].toarray() > 0

    def scores(self, names: Collection[str], customers: Rows, own: Flags) -> dict[str, Floats]:
        """Score one block by every named competitor; each part is scored once."""
        blends = {NEW_FIRST.get(name, name) for name in names} & BLENDS.keys()
        parts = {part for name in blends for part in BLENDS[name]} | set(names)
        scores = {
            name: model.score(customers) for name, model in self.singles.items() if name in parts
        }
        scores |= {name: blend(scores, BLENDS[name]) for name in sorted(blends)}
        for name, source in NEW_FIRST.items():
            if name in names:
                scores[name] = new_first(scores[source], own)
        return {name: scores[name] for name in names}


@dataclass(frozen=True, slots=True)
class LineUpSettings:
    als: Als
    item_neighbours: ItemNeighbours = field(default_factory=ItemNeighbours)
    repeat_purchase: RepeatPurchase = field(default_factory=RepeatPurchase)
    popularity: Popularity = field(default_factory=lambda: Popularity(half_life_days=60))
    recent_popularity: Popularity = field(default_factory=lambda: Popularity(half_life_days=7))

    def as_parameters(self) -> dict[str, Any]:
        return {**asdict(self), "blends": BLENDS}


def fit_line_up(
    interactions: Interactions, settings: LineUpSettings, progress: Progress, title: str
) -> LineUp:
    with progress.step(title, total=5) as advance:
        neighbours = settings.item_neighbours.fit(interactions)
        advance()
        singles: dict[str, FittedRecommender] = {"item_neighbours": neighbours}
        for name in ("popularity", "recent_popularity", "repeat_purchase", "als"):
            singles[name] = getattr(settings, name).fit(interactions)
            advance()
    return LineUp(singles, neighbours, interactions.matrix())
