"""Training parameters. They are chosen on past windows, never on a holdout."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from recsvc.domain.catalogue.slates import CustomerSlate
from training.ranking.candidates import PoolSize
from training.ranking.lambdarank import TUNED, Boosting, Variant
from training.recommenders.constants import Constants
from training.recommenders.item_neighbours import ItemNeighbours
from training.recommenders.trending import Trending


@dataclass(frozen=True, slots=True)
class Searched:
    """Searched parameters of a slate's ranker; the defaults if no trial was clearly better."""

    boosting: Boosting
    trials: int


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    seed: int
    horizon_days: float
    judged_windows: int = 3
    older_windows: int = 2  # older than the judged windows; used for training only
    customers_judged: int = 2000  # per judged window; published rankers learn from all of them
    customers_compared: int = 1000  # per window; models that are only compared learn from these
    lines_compared: int = 2_000_000  # with more lines, past windows use a sample of the customers
    size: PoolSize = field(default_factory=PoolSize)
    boosting: Boosting = field(default_factory=Boosting)
    final_seeds: int = 3  # boosters of a published ranker, averaged
    similar: ItemNeighbours = field(
        default_factory=lambda: ItemNeighbours(half_life_days=180.0, neighbours=50)
    )
    trending: Trending = field(default_factory=Trending)
    k_anonymity: int = 5  # least customers behind an item or a pair in anonymous lists
    constants: Constants = field(default_factory=Constants)  # of the base models
    searched: Mapping[CustomerSlate, Searched] = field(default_factory=dict)

    def boosting_of(self, slate: CustomerSlate, variant: Variant) -> Boosting:
        """Return the searched parameters for the variant they were searched for, else the
        defaults.
        """
        found = self.searched.get(slate)
        return found.boosting if found and variant is TUNED else self.boosting

    def as_parameters(self) -> dict[str, Any]:
        """Return the manifest's parameters, without `searched` if there was no search."""
        parameters = asdict(self)
        if not self.searched:
            del parameters["searched"]
        return parameters
