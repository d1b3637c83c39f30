"""A model's size and lead over popularity, read from its metrics.

New models and manifests of the current model are read the same way. Only members that the gate
compares are read, so other metrics may change from release to release.
"""

from math import hypot, inf
from typing import Protocol

import msgspec

from training.recommenders.registry import TIE_BREAKER as POPULARITY

_BEST_SELLERS = ("popular", "popular_in_category")  # of `bought_together`, of `similar`


class Size(msgspec.Struct, frozen=True):
    """The size of a model's training data."""

    customers: int
    items: int
    lines: int
    horizon_days: float


class MetricValue(msgspec.Struct, frozen=True):
    """A mean over customers; null where there is no value."""

    mean: float | None
    error: float | None
    customers: int


class Name(msgspec.Struct, frozen=True):
    name: str


class Competitor(msgspec.Struct, frozen=True):
    model: Name
    windows: tuple[MetricValue | None, ...]
    versus_winner: MetricValue | None


class Chosen(msgspec.Struct, frozen=True):
    winner: str
    judged: bool
    reason: str = ""


class Lead(msgspec.Struct, frozen=True):
    """The published ranking's relative lead over popularity: 1.0 is twice its NDCG@10.

    Both are measured on the same customers of the same windows, so windows that are easy or hard
    for all models do not change the lead.
    """

    ratio: float
    error: float


class HasLead(Protocol):
    def lead(self) -> Lead | None: ...

    def why_no_lead(self) -> str: ...


class Slate(msgspec.Struct, frozen=True):
    choice: Chosen
    models: tuple[Competitor, ...] = ()

    def lead(self) -> Lead | None:
        """Return the lead; None if models were not compared or popularity found nothing."""
        named = {found.model.name: found for found in self.models}
        if not self.choice.judged or self.choice.winner not in named or POPULARITY not in named:
            return None
        popularity, difference = named[POPULARITY], named[POPULARITY].versus_winner
        level = _pooled(popularity.windows, named[self.choice.winner].windows)
        if level is None:
            return None
        mean, error = level
        if difference is None:  # popularity itself is published
            return Lead(0.0, 0.0)
        ratio = -(difference.mean or 0.0) / mean
        return Lead(ratio, hypot(_known(difference.error), ratio * error) / mean)

    def why_no_lead(self) -> str:
        """Return the reason for a missing lead."""
        if not self.choice.judged:
            return f"not measured on past windows ({self.choice.reason})"
        return "popularity has no figure on the same past windows, or found nothing there"


class CaseValue(msgspec.Struct, frozen=True):
    """A mean over cases; null where there is no value."""

    mean: float | None
    error: float | None


class ListCompetitor(msgspec.Struct, frozen=True):
    name: str
    mrr: CaseValue | None = None
    versus_winner: CaseValue | None = None


class ItemSlateSummary(msgspec.Struct, frozen=True):
    """The lists of items, measured on the window that did not choose them."""

    choice: Chosen
    candidates: tuple[ListCompetitor, ...] = ()

    def lead(self) -> Lead | None:
        """Return the lead in MRR over best sellers, all or those of the category; None without."""
        popular = next((each for each in self.candidates if each.name in _BEST_SELLERS), None)
        if popular is None or popular.mrr is None or not popular.mrr.mean:
            return None
        if popular.versus_winner is None:  # best sellers themselves are published
            return Lead(0.0, 0.0)
        ratio = -(popular.versus_winner.mean or 0.0) / popular.mrr.mean
        errors = _known(popular.versus_winner.error), ratio * _known(popular.mrr.error)
        return Lead(ratio, hypot(*errors) / popular.mrr.mean)

    def why_no_lead(self) -> str:
        """Return the reason for a missing lead."""
        if all(each.mrr is None for each in self.candidates):
            return "past windows have too few cases to judge the lists by"
        return "best sellers have no figure, as without categories"


class Hidden(msgspec.Struct, frozen=True):
    """Items that too few customers bought for a list that all visitors see."""

    k: int
    items_left_out: int


class ModelSummary(msgspec.Struct, frozen=True):
    """`item_slates` is empty and `anonymity` null in a model of an older release."""

    judged: bool
    reason: str
    data: Size
    slates: dict[str, Slate]
    item_slates: dict[str, ItemSlateSummary] = {}
    anonymity: Hidden | None = None

    def lists(self) -> dict[str, HasLead]:
        """Return the rankings and the lists of items by slate."""
        return {**self.slates, **self.item_slates}

    def items_shown(self) -> int | None:
        """Return the number of bought items that lists for all visitors may show."""
        return None if self.anonymity is None else self.data.items - self.anonymity.items_left_out


def _pooled(
    windows: tuple[MetricValue | None, ...], of: tuple[MetricValue | None, ...]
) -> tuple[float, float] | None:
    """Return mean and error over the customers of the windows on which `of` was measured too."""
    both = [mine for mine, other in zip(windows, of, strict=False) if mine and other]
    customers = sum(figure.customers for figure in both)
    mean = sum((figure.mean or 0.0) * figure.customers for figure in both) / max(customers, 1)
    if mean <= 0:
        return None
    return mean, hypot(*(_known(figure.error) * figure.customers for figure in both)) / customers


def _known(error: float | None) -> float:
    """Return the error; infinity for null, which is an unknown error."""
    return inf if error is None else error
