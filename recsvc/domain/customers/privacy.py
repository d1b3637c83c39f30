"""What became of a customer's demand, in values. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from recsvc.domain.values.customer_keys import CustomerKey


class RewriteState(StrEnum):
    """How far the rewrite of the append-only file is that an erasure asks for."""

    STARTED = "started"
    DUE = "due"  # a later one, since one was begun less than an hour ago
    REFUSED = "refused"  # by the server, which may forbid it or be at one; it is asked again
    NOT_DUE = "not_due"


@dataclass(frozen=True, slots=True)
class Rewrite:
    """`reason`: why the server refused, for whoever runs it."""

    state: RewriteState
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ErasureResult:
    """When the customer was erased (µs), and how much of what was removed by this call."""

    at_us: int
    removed: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class MergeResult:
    """Into whom somebody was merged, and when the history has it recorded (µs).

    `has_shared`: whether both permitted that profile, recent events and purchases became
    one;
    `has_shared_offers`: that what was said of offers did, too.
    """

    into: CustomerKey
    recorded_at_us: int
    has_shared: bool
    has_shared_offers: bool
