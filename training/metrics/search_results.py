"""Results of the searches for constants and settings, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass

from training.metrics.estimates import Mean


@dataclass(frozen=True, slots=True)
class SearchedSlate:
    """`changed`: the settings differ from the defaults.

    `gain` is NDCG@10 of the best trial minus that of the defaults, pooled over past windows, for
    customers and seeds outside the search; null if no trial was better.
    """

    trials: int
    changed: bool
    gain: Mean | None


@dataclass(frozen=True, slots=True)
class Tuning:
    """`minutes` is the time of all trials on these purchases, in this run and earlier ones.

    `slates` lacks those with too little history to search.
    """

    minutes: float
    slates: Mapping[str, SearchedSlate]


@dataclass(frozen=True, slots=True)
class SearchedValue:
    """NDCG@10 with one value of a constant on the newest past window; `gain`: over the default."""

    value: str
    ndcg: Mean
    gain: Mean


@dataclass(frozen=True, slots=True)
class SearchedConstant:
    """A constant of the base models; `values` begins with the default."""

    name: str
    slate: str
    chosen: str
    values: tuple[SearchedValue, ...]
