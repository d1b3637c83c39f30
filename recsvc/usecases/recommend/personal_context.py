"""The admitted customer of a request, with the interest that recent events show."""

from dataclasses import dataclass

from recsvc.domain.consent.gate import Admitted, Sealed
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.ranking.recent_interest import RecentInterest, interest_of


@dataclass(frozen=True, slots=True)
class PersonalContext:
    """`interest` is None when no recent event counts."""

    admitted: Admitted
    interest: RecentInterest | None


def personal_context_of(
    live_items: LiveItems, admitted: Admitted, recent_events: Sealed | None, now_seconds: float
) -> PersonalContext:
    """Open the sealed recent events with the admission and score them."""
    entries = () if recent_events is None else recent_events.open(admitted)
    return PersonalContext(
        admitted, interest_of(live_items, entries, now_seconds) if entries else None
    )
