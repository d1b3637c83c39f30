"""Whose purchases may be learned from. Only an explicit yes permits; nothing is assumed by silence.

A source is asked twice: before anything is read, and again before a model is published.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from recsvc.domain.values.customer_keys import CustomerHasher, CustomerKey
from recsvc.domain.values.ids import CustomerId


class TrainingPermission(Protocol):
    """Who permits training, at one moment."""

    @property
    def origin(self) -> str: ...

    @property
    def watermark_us(self) -> int | None:
        """Up to when consents were read, in microseconds since 1970, if the source has a clock."""

    def permits(self, customers: pl.Series) -> pl.Series:
        """Say for each customer id whether its lines may be learned from."""

    def erased_at_us(self, customers: Iterable[str], /) -> Mapping[str, int]:
        """Return when those of them were erased who are known anew: only later lines count."""


ConsentSource = Callable[[], TrainingPermission]


@dataclass(frozen=True, slots=True)
class AssumeGranted:
    """The operator typed that everybody has consented, and answers for it."""

    origin: str = "assume-granted"
    watermark_us: int | None = None

    def permits(self, customers: pl.Series) -> pl.Series:
        return pl.repeat(value=True, n=len(customers), dtype=pl.Boolean, eager=True)

    def erased_at_us(self, _: Iterable[str], /) -> Mapping[str, int]:
        return {}


@dataclass(frozen=True, slots=True)
class PermittedIds:
    """Customers named in a file."""

    ids: frozenset[str]
    origin: str = "file"
    watermark_us: int | None = None

    def permits(self, customers: pl.Series) -> pl.Series:
        answers = [customer in self.ids for customer in customers]
        return pl.Series(answers, dtype=pl.Boolean)

    def erased_at_us(self, _: Iterable[str], /) -> Mapping[str, int]:
        return {}


@dataclass(frozen=True, slots=True)
class PermittedKeys:
    """Customers of the running shop, which knows them by keyed hash only."""

    keys: frozenset[CustomerKey]
    hasher: CustomerHasher
    watermark_us: int | None
    origin: str = "service"
    erased: Mapping[CustomerKey, int] = field(default_factory=dict)

    def permits(self, customers: pl.Series) -> pl.Series:
        key_of = self.hasher.key_of
        answers = [key_of(CustomerId(customer)) in self.keys for customer in customers]
        return pl.Series(answers, dtype=pl.Boolean)

    def erased_at_us(self, customers: Iterable[str], /) -> Mapping[str, int]:
        if not self.erased:
            return {}
        keys = {customer: self.hasher.key_of(CustomerId(customer)) for customer in customers}
        return {who: self.erased[key] for who, key in keys.items() if key in self.erased}


def forgotten(lines: pl.DataFrame, permission: TrainingPermission) -> pl.Series:
    """Say for each line whether it is of before its customer was erased; without a time, it is."""
    erased = permission.erased_at_us(lines["customer_id"].drop_nulls().unique())
    if not erased:
        return pl.repeat(value=False, n=lines.height, dtype=pl.Boolean, eager=True)
    erased_at = pl.col("customer_id").replace_strict(erased, default=None, return_dtype=pl.Int64)
    is_later = pl.col("at").is_not_null() & (pl.col("at").dt.epoch("us") > erased_at)
    return lines.select((erased_at.is_not_null() & ~is_later).alias("forgotten"))["forgotten"]
