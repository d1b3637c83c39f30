"""Whose purchases may be learned from. Only an explicit yes permits; nothing is assumed by silence.

A source is asked twice: before anything is read, and again before a model is published.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from recsvc.domain.identity import CustomerHasher, CustomerKey
from recsvc.domain.ids import CustomerId


class Permission(Protocol):
    """Who permits training, at one moment."""

    @property
    def origin(self) -> str: ...

    @property
    def watermark_us(self) -> int | None:
        """Up to when consents were read, in microseconds since 1970, if the source has a clock."""

    def permits(self, customers: pl.Series) -> pl.Series:
        """Say for each customer id whether its lines may be learned from."""


ConsentSource = Callable[[], Permission]


@dataclass(frozen=True, slots=True)
class AssumeGranted:
    """The operator typed that everybody has consented, and answers for it."""

    origin: str = "assume-granted"
    watermark_us: int | None = None

    def permits(self, customers: pl.Series) -> pl.Series:
        return pl.repeat(value=True, n=len(customers), dtype=pl.Boolean, eager=True)


@dataclass(frozen=True, slots=True)
class PermittedIds:
    """Customers named in a file."""

    ids: frozenset[str]
    origin: str = "file"
    watermark_us: int | None = None

    def permits(self, customers: pl.Series) -> pl.Series:
        answers = [customer in self.ids for customer in customers]
        return pl.Series(answers, dtype=pl.Boolean)


@dataclass(frozen=True, slots=True)
class PermittedKeys:
    """Customers of the running shop, which knows them by keyed hash only."""

    keys: frozenset[CustomerKey]
    hasher: CustomerHasher
    watermark_us: int | None
    origin: str = "service"

    def permits(self, customers: pl.Series) -> pl.Series:
        key_of = self.hasher.key_of
        answers = [key_of(CustomerId(customer)) in self.keys for customer in customers]
        return pl.Series(answers, dtype=pl.Boolean)
