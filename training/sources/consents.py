"""Training consent. Only purchases of customers with an explicit grant are read.

A source is read twice: before training, and again before a model is published.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from recsvc.domain.values.customer_keys import CustomerHasher, CustomerKey
from recsvc.domain.values.ids import CustomerId


class TrainingPermission(Protocol):
    """The customers who consent to training, at one moment."""

    @property
    def origin(self) -> str: ...

    @property
    def watermark_us(self) -> int | None:
        """Return when consents were read, in µs since 1970; None for a source without a clock."""

    def permits(self, customers: pl.Series) -> pl.Series:
        """Return for each customer id whether its lines may be used."""

    def erased_at_us(self, customers: Iterable[str], /) -> Mapping[str, int]:
        """Return the erasure times of re-admitted customers; only later lines may be used."""


ConsentSource = Callable[[], TrainingPermission]


@dataclass(frozen=True, slots=True)
class AssumeGranted:
    """The operator states that all customers have consented, and is responsible for it."""

    origin: str = "assume-granted"
    watermark_us: int | None = None

    def permits(self, customers: pl.Series) -> pl.Series:
        return pl.repeat(value=True, n=len(customers), dtype=pl.Boolean, eager=True)

    def erased_at_us(self, _: Iterable[str], /) -> Mapping[str, int]:
        return {}


@dataclass(frozen=True, slots=True)
class PermittedIds:
    """The customers that a file grants consent for."""

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
    """Customers of the running service, which stores keyed hashes of ids only."""

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


def precede_erasure(lines: pl.DataFrame, permission: TrainingPermission) -> pl.Series:
    """Mark lines from before their customer's erasure; lines without a time count as earlier."""
    erased = permission.erased_at_us(lines["customer_id"].drop_nulls().unique())
    if not erased:
        return pl.repeat(value=False, n=lines.height, dtype=pl.Boolean, eager=True)
    erased_at = pl.col("customer_id").replace_strict(erased, default=None, return_dtype=pl.Int64)
    is_later = pl.col("at").is_not_null() & (pl.col("at").dt.epoch("us") > erased_at)
    return lines.select((erased_at.is_not_null() & ~is_later).alias("precede_erasure"))[
        "precede_erasure"
    ]
