"""What is kept of a decision for one customer. Pure."""

from dataclasses import dataclass

from recsvc.domain.offers.decision_ids import DecisionId
from recsvc.domain.values.customer_keys import CustomerKey


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """One decision. `content` is JSON: what was offered, what was refused and why, and under
    which consent, model and revisions. No customer's id stands in it.
    """

    decision_id: DecisionId
    customer: CustomerKey
    at_us: int
    content: bytes
