"""Results for customers outside the model, whose purchases the service is told as events.

Ratios are of two means over the same customers; their error is that of a paired ratio.
"""

from dataclasses import dataclass

from training.metrics.estimates import Mean


@dataclass(frozen=True, slots=True)
class WarmPath:
    """NDCG@10 when the latest `orders` orders are told, beside popular items and trained lists.

    `popularity` ranks the same items as the slate: for own items, those that were told.
    """

    orders: int | None  # null: all of the last 180 days
    history: Mean
    popularity: Mean
    of_popularity: Mean | None = None  # history / popularity; null without a hit of popular items
    of_known: Mean | None = None  # history / known, of the customers of both


@dataclass(frozen=True, slots=True)
class WarmStart:
    """`known` is the published model for the same customers as part of its training, or null.

    `listed` is the number of customers that `--leave-out` names, null for a sample.
    """

    slate: str
    customers: int
    paths: tuple[WarmPath, ...]
    known: Mean | None = None
    listed: int | None = None
