"""`similar`: items that could be taken instead of an item, by behaviour and content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recsvc.domain.catalogue.slates import ItemSlate
from training.dataset.customer_items import customer_items_of
from training.dataset.history import History
from training.item_slates.item_properties import ItemProperties
from training.item_slates.maker import Candidate, ItemData, ItemLists, WindowFigures
from training.item_slates.next_purchases import next_purchases
from training.item_slates.similar_lists import similar_lists_of
from training.item_slates.similar_scores import BEHAVIOUR, PairScores, Weights, pair_scores
from training.settings import TrainingSettings

_LEAST_CASES = 30

# The exponents of a conditional logit model on past windows of Complete Journey, rounded; products
# and attributes are not in that data.
_BLEND = Weights(
    popularity=0.45,
    co_purchase=0.5,
    switching=0.15,
    text=0.9,
    attributes=0.5,
    brand=0.2,
    product=0.5,
    price=0.75,
)
_POPULAR = Weights(popularity=1.0)
WEIGHTS: Mapping[str, Weights] = {
    "blend": _BLEND,
    "blend_popular": replace(_BLEND, popularity=0.8),
    "blend_behaviour": replace(_BLEND, co_purchase=1.0, switching=0.3),
    "blend_content": replace(_BLEND, co_purchase=0.25, switching=0.1, text=1.8, attributes=1.0),
    "behaviour": Weights(co_purchase=1.0, switching=0.3),
    "content": _BLEND.without(*BEHAVIOUR),
    "cosine": Weights(co_purchase=1.0),
    "popular_in_category": _POPULAR,
}
_CANDIDATES = (
    Candidate("blend", "Behaviour and content"),
    Candidate("blend_popular", "Behaviour and content, more popular items"),
    Candidate("blend_behaviour", "Behaviour and content, more behaviour"),
    Candidate("blend_content", "Behaviour and content, more content"),
    Candidate("behaviour", "Behaviour alone: co-purchase and switching"),
    Candidate("content", "Content alone", baseline=True),
    Candidate("cosine", "Cosine of customers", baseline=True),
    Candidate("popular_in_category", "Popular in the category", baseline=True),
)


@dataclass(frozen=True, slots=True)
class Similar:
    """The maker of `similar` for one catalogue."""

    properties: ItemProperties

    @property
    def slate(self) -> ItemSlate:
        return ItemSlate.SIMILAR

    @property
    def choosing_windows(self) -> int:
        return 1  # thousands of cases; the order of candidates hardly differs between windows

    @property
    def candidates(self) -> Sequence[Candidate]:
        return _CANDIDATES

    def figures(
        self,
        known: History,
        later: History,
        data: ItemData,  # noqa: ARG002 - the properties were made of it
        settings: TrainingSettings,
        seed: int,
        *,
        judging: bool,  # noqa: ARG002 - every candidate can be published
    ) -> WindowFigures:
        bought = customer_items_of(known)
        cases = next_purchases(known, bought, later, self.properties.groups, seed)
        if len(cases) < _LEAST_CASES:
            return {}
        rows = np.unique(cases.items)
        scores = pair_scores(known, bought, self.properties, settings.k_anonymity)
        weights = {name: some for name, some in WEIGHTS.items() if self._applies(some)}
        found = similar_lists_of(scores, rows, weights)
        return {name: cases.values(rows, lists.lists) for name, lists in found.items()}

    def _applies(self, weights: Weights) -> bool:
        """Return False for popularity alone in a shop without categories."""
        return weights != _POPULAR or bool((self.properties.groups >= 0).any())

    def publish(self, winner: str, data: ItemData, settings: TrainingSettings) -> ItemLists:
        history = data.interactions.history
        bought = customer_items_of(history)
        scores: PairScores = pair_scores(history, bought, self.properties, settings.k_anonymity)
        rows = np.arange(history.items_total)
        found = similar_lists_of(scores, rows, {winner: WEIGHTS[winner]})[winner]
        return ItemLists(found.lists, found.sources, found.hidden)
