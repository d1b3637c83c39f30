"""Means with their errors."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mean:
    mean: float
    error: float
    customers: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval: bootstrap, or normal for many customers."""

    mean: float
    error: float
    low: float
    high: float
