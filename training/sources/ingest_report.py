"""The result of ingest: every row read is used, left out for a stated reason, or bad.

The terminal shows it, and the manifest keeps its counts. Neither contains customer ids, so an
example shows the value at fault only if that is not a customer id.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Bad:
    """Rows that cannot be used for one reason, with examples."""

    rows: int
    examples: tuple[str, ...] = ()

    def plus(self, other: "Bad") -> "Bad":
        return Bad(self.rows + other.rows, (self.examples + other.examples)[:MAX_EXAMPLES])


@dataclass(frozen=True, slots=True)
class IngestReport:
    """`rows_read = rows_used + bad + left out`. Rows without consent are in no other count."""

    files: int = 0
    rows_read: int = 0
    rows_used: int = 0
    customers_without_consent: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    bad: Mapping[str, Bad] = field(default_factory=dict)
    ignored_columns: tuple[str, ...] = ()
    switched_off: Mapping[str, str] = field(default_factory=dict)
    notices: Mapping[str, int] = field(default_factory=dict)
    first: str | None = None
    last: str | None = None

    @property
    def bad_rows(self) -> int:
        return sum(bad.rows for bad in self.bad.values())

    @property
    def bad_share(self) -> float:
        validated = self.rows_read - sum(self.left_out.get(reason, 0) for reason in _NOT_VALIDATED)
        return self.bad_rows / validated if validated else 0.0

    def as_counts(self) -> dict[str, Any]:
        """Return the counts and column names for the manifest."""
        return {
            "files": self.files,
            "rows_read": self.rows_read,
            "rows_used": self.rows_used,
            "customers_without_consent": self.customers_without_consent,
            "left_out": dict(self.left_out),
            "bad": {reason: bad.rows for reason, bad in self.bad.items()},
            "ignored_columns": list(self.ignored_columns),
            "switched_off": dict(self.switched_off),
            "notices": dict(self.notices),
            "first": self.first,
            "last": self.last,
        }


NO_CONSENT = "customer has not consented to training"
NOT_PURCHASES = "event that is no purchase"
NO_CUSTOMER = "purchase that names no customer"
REFUNDS = "refund of an order or of an item (its lines are returns)"
_NOT_VALIDATED = (NO_CONSENT, NOT_PURCHASES, NO_CUSTOMER, REFUNDS)  # such rows are not validated
SENSITIVE = "item is sensitive"
RETURNED = "return (quantity below zero)"
CANCELLED = "purchase that was returned in full"
NO_UNITS = "quantity is zero"

NOTICE_SPACES = "ids with spaces around them (kept as written)"
NOTICE_REPEATS = "rows equal to another row (kept: an order may hold two lines of one item)"
NOTICE_RECURRING = "order ids that a customer has again a day or more later (then another order)"
NOTICE_NEGATIVE = "rows with a price below zero (their price is not known)"
NOTICE_NO_QUANTITY = "rows without a quantity (taken as 1)"
