"""The stored record of one customer's offer decision. Pure."""

from dataclasses import dataclass

from recsvc.domain.offers.decision_ids import DecisionId
from recsvc.domain.values.customer_keys import CustomerKey


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """One decision. `content` is JSON: offered and refused offers, with reasons, consent, model and
    revisions. It contains no customer id.
    """

    decision_id: DecisionId
    customer: CustomerKey
    at_us: int
    content: bytes
