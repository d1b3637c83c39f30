"""What recent events say of a customer: votes for what is near, and what rests after a purchase.

The latest items vote for their first neighbours, each with what its last event says; the sum over
an item's voters is its share.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsvc.domain.catalogue.slates import ItemSlate, ReasonCode
from recsvc.domain.customers.recent_events import (
    HALF_LIFE_DAYS,
    SECONDS_PER_DAY,
    WEIGHTS,
    RecentKind,
)
from recsvc.model.artifact.format import Array
from recsvc.model.kernels.kernels import ROW, START, STOP, UNKNOWN_ROW, read_events, rerank, weigh
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.registry.candidates import Candidates


@dataclass(frozen=True, slots=True, eq=False)
class RecentInterest:
    """Item rows, and what is said of each. A share is what a place in a list is worth."""

    voted: Array  # (voted, 3) int32: VOTED, REASON and VOTER, the greatest share first
    shares: Array  # (voted,)
    bought: Array  # (bought, 2): BOUGHT and RESTS of all purchases, the latest first

    def on_cooldown(self) -> list[int]:
        """Return what was bought less than RESTING_SHARE of its interval ago."""
        return [row for row, rests in self.bought.tolist() if rests]

    def due(self) -> list[int]:
        """Return what was bought and will be wanted again, the latest purchase first."""
        return [row for row, rests in self.bought.tolist() if not rests]


def interest_of(
    live_items: LiveItems, entries: Sequence[bytes], now_seconds: float
) -> RecentInterest | None:
    """Weigh the events, the latest first; None when they say nothing of any item that is known.

    `entries` are as `recsvc.domain.customers.recent_events` writes them; what cannot be read is
    left out.
    """
    model = live_items.model
    events = _events_of(live_items, entries)
    voted, shares, bought, heard = weigh.run(
        events,
        now_seconds,
        _WEIGHTS,
        _REASONS,
        _HALF_LIFE_SECONDS,
        live_items.sensitive,
        model.neighbour_arrays(ItemSlate.SIMILAR),
        model.appeal,
        model.intervals,
    )
    return RecentInterest(voted, shares, bought) if heard or len(bought) else None


def reranked(own: Candidates, interest: RecentInterest, *, adds_items: bool) -> Candidates:
    """Return a customer's own list with what recent events add to it, best first.

    `adds_items`: what was not on the list, and has votes, may enter.
    """
    because = own.reason_items
    return Candidates(
        *rerank.run(
            own.items,
            own.reasons,
            np.full(len(own), UNKNOWN_ROW, np.int32) if because is None else because,
            interest.bought,
            _DUE,
            interest.voted,
            interest.shares,
            adds_items,
        )
    )


def _events_of(live_items: LiveItems, entries: Sequence[bytes]) -> Array:
    items, text = live_items.model.items, b"\n".join(entries)
    events = read_events.run(text, _LETTERS, items.letters, items.heads)
    if live_items.has_items_outside_model:
        _fill_catalogue_rows(live_items, events, text)
    return events


def _fill_catalogue_rows(live_items: LiveItems, events: Array, text: bytes) -> None:
    """Fill in the rows of items that only the catalogue knows."""
    for place in (events[:, ROW] == UNKNOWN_ROW).nonzero()[0].tolist():
        start, stop = events[place, START], events[place, STOP]
        row = live_items.row(text[start:stop].decode(errors="replace"))
        if row is not None:
            events[place, ROW] = row


_KINDS = (  # a purchase last: `weigh` knows it by its place
    RecentKind.VIEW,
    RecentKind.ADD_TO_CART,
    RecentKind.REMOVE_FROM_CART,
    RecentKind.PURCHASE,
)
_LETTERS = "".join(_KINDS).encode()
_WEIGHTS = np.array([WEIGHTS[kind] for kind in _KINDS])
_HALF_LIFE_SECONDS = HALF_LIFE_DAYS * SECONDS_PER_DAY
_VIEWED, _BOUGHT = ReasonCode.BECAUSE_YOU_VIEWED, ReasonCode.BECAUSE_YOU_BOUGHT
# What was put back says nothing, and is never a reason.
_REASONS = np.array([_VIEWED, _VIEWED, _VIEWED, _BOUGHT], np.uint8)
_DUE = int(ReasonCode.BUY_AGAIN_DUE)
