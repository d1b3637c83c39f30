"""The interface between an item slate and its judging: fit candidates, publish one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recsvc.domain.catalogue.slates import ItemSlate
from training.dataset.history import History, Rows
from training.dataset.interactions import Interactions
from training.metrics.ranking_quality import Values
from training.recommenders.neighbour_lists import NeighbourLists
from training.settings import TrainingSettings
from training.sources.item_catalogue import ItemCatalogue


class Source(IntEnum):
    """The origin of a listed item, the strongest first."""

    BEHAVIOUR = 0
    CONTENT = 1
    CATEGORY = 2
    GLOBAL = 3  # never stored: fills a short list


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to make the lists of a slate; a baseline is a way in common use.

    `publishable` is false for a baseline that is only compared with.
    """

    name: str
    title: str
    baseline: bool = False
    publishable: bool = True


@dataclass(frozen=True, slots=True)
class CaseValues:
    """Reciprocal rank and hit@10 of one candidate for each case of a window.

    Cases of one customer are not independent, so errors are computed by customer.
    """

    customers: Rows  # (cases,) any numbers, equal for the cases of one customer
    reciprocal: Values  # (cases,)
    hits: Values  # (cases,)


WindowFigures = Mapping[str, CaseValues]  # by name of the candidate, of the same cases


@dataclass(frozen=True, slots=True)
class ItemData:
    """The items of a training: rows of the interactions, and the catalogue's facts of them."""

    interactions: Interactions
    catalogue: ItemCatalogue


@dataclass(frozen=True, slots=True)
class ItemLists:
    """Published lists: `sources` has the shape of the lists' columns.

    `hidden` counts the pairs that fewer than k customers share: in `bought_together` those that
    are not listed for this reason, in `similar` those listed by content and category alone.
    """

    lists: NeighbourLists  # (items, k)
    sources: NDArray[np.uint8]  # (items, k) Source
    hidden: int = 0


class ItemSlateMaker(Protocol):
    """One item slate. Equal input gives equal output; no method sees anything after `known`."""

    @property
    def slate(self) -> ItemSlate: ...

    @property
    def choosing_windows(self) -> int:
        """Return the number of past windows that choose the candidate."""
        ...

    @property
    def candidates(self) -> Sequence[Candidate]:
        """All candidates, baselines included. The first is published without judging."""
        ...

    def figures(
        self,
        known: History,
        later: History,
        data: ItemData,
        settings: TrainingSettings,
        seed: int,
        *,
        judging: bool,
    ) -> WindowFigures:
        """Fit every candidate on `known` and measure it on cases of `later`.

        `judging`: the window does not choose. Baselines that cannot be published, for example
        because they know no k-anonymity, may be measured there only.

        Rows of `later` are those of `known`; customers beyond `known.customers_total` are unknown
        ones. Empty if there are too few cases.
        """
        ...

    def publish(self, winner: str, data: ItemData, settings: TrainingSettings) -> ItemLists:
        """Return the winner's lists, fitted on all purchases."""
        ...
