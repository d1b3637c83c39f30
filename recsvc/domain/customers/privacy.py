"""Results of privacy operations: erasure, merge, rewrite of the append-only file. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from recsvc.domain.values.customer_keys import CustomerKey


class RewriteState(StrEnum):
    """The state of the append-only-file rewrite that an erasure requests."""

    STARTED = "started"
    DUE = "due"  # deferred: the last one began less than an hour ago
    REFUSED = "refused"  # by the server, which may forbid or already run one; it is retried
    NOT_DUE = "not_due"


@dataclass(frozen=True, slots=True)
class Rewrite:
    """`reason`: the server's error, for the operator."""

    state: RewriteState
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ErasureResult:
    """The time of the erasure (µs since 1970), and the number of removed entries by kind."""

    at_us: int
    removed: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class MergeResult:
    """The result of a merge. `recorded_at_us`: the time of its history rows.

    `ended`: purposes that the remaining customer had granted and the merged customer refused.
    `was_known`: False if the store knows nothing of the merged customer; then nothing changed.
    `has_shared`: both customers permitted personalization, so profile, recent events and purchases
    were handed over. `has_shared_offers`: both permitted offers as well, so offer events were.
    """

    into: CustomerKey
    recorded_at_us: int
    has_shared: bool
    has_shared_offers: bool
    ended: tuple[str, ...] = ()
    was_known: bool = True

    @classmethod
    def unchanged(cls, into: CustomerKey, at_us: int) -> "MergeResult":
        return cls(into, at_us, has_shared=False, has_shared_offers=False, was_known=False)
