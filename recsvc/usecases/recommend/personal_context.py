"""Whom a request is answered for: an admitted customer with what recent events say, or nobody."""

from dataclasses import dataclass

from recsvc.domain.consent.gate import Admitted, Sealed
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.ranking.recent_interest import RecentInterest, interest_of


@dataclass(frozen=True, slots=True)
class PersonalContext:
    """An admitted customer. `interest` is None when recent events say nothing."""

    admitted: Admitted
    interest: RecentInterest | None


def person_of(
    assortment: LiveItems, admitted: Admitted, profile: Sealed | None, now_seconds: float
) -> PersonalContext:
    """Open what the trip brought of the customer, and weigh it."""
    entries = () if profile is None else profile.open(admitted)
    return PersonalContext(
        admitted, interest_of(assortment, entries, now_seconds) if entries else None
    )
