"""A customer's recent interest: votes for neighbours of recent items, and purchases on cooldown.

The latest items vote for their first neighbours with the weight of their last event; the sum over
an item's voters, scaled, is its share.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from recsvc.domain.catalogue.slates import ItemSlate, ReasonCode
from recsvc.domain.customers.purchase_history import KEPT_SECONDS
from recsvc.domain.customers.recent_events import (
    DEFAULT_WEIGHTS,
    HALF_LIFE_DAYS,
    SECONDS_PER_DAY,
    EventWeights,
    RecentKind,
)
from recsvc.model.artifact.format import Array
from recsvc.model.kernels.kernels import (
    KIND,
    ROW,
    SECONDS,
    START,
    STOP,
    UNKNOWN_ROW,
    read_events,
    rerank,
    weigh,
)
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.registry.candidates import Candidates

JUST_BOUGHT_SECONDS = 6 * 3600.0  # an order that was just made is not recommended again

_NO_ROWS = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class RecentInterest:
    """Voted items and purchases, by item row. Shares are on the scale of `rank_discount`."""

    voted: Array  # (voted, 3) int32: VOTED, REASON and VOTER, the largest share first
    shares: Array  # (voted,)
    bought: Array  # (bought, 2): BOUGHT and ON_COOLDOWN of all purchases, the latest first

    def on_cooldown(self) -> list[int]:
        """Return the items bought less than COOLDOWN_SHARE of their interval ago."""
        return [row for row, is_on_cooldown in self.bought.tolist() if is_on_cooldown]

    def due(self) -> list[int]:
        """Return the bought items that are due for repurchase, the latest purchase first."""
        return [row for row, is_on_cooldown in self.bought.tolist() if not is_on_cooldown]


def interest_of(
    live_items: LiveItems,
    entries: Sequence[bytes],
    now_seconds: float,
    ignored: Array = _NO_ROWS,
    weights: EventWeights = DEFAULT_WEIGHTS,
    *,
    has_history: bool = False,
    known_until: float | None = None,
) -> RecentInterest | None:
    """Score the events, the latest first; None if no event counts for a known item.

    `entries`: as `recsvc.domain.customers.recent_events` writes them; malformed ones are skipped.
    `ignored`: item rows whose events do not count. `has_history`: a purchase history ranks the
    purchases, so they do not vote, and only just bought items of a customer of the model are on
    cooldown. `known_until`: seconds since 1970, for a customer of the model; a purchase up to then
    does not count, since the customer's list knows it.
    """
    model = live_items.model
    if has_history:
        weights = _without_purchases(weights)
    events = _events_of(live_items, entries)
    if len(ignored):
        events[np.isin(events[:, ROW], ignored), ROW] = UNKNOWN_ROW
    if known_until is not None:
        is_known = (events[:, KIND] == _PURCHASED) & (events[:, SECONDS] <= known_until)
        events[is_known, KIND] = _REMOVED  # it has no weight, and an earlier view does not vote
    voted, shares, bought, voters = weigh.run(
        events,
        now_seconds,
        _array_of(weights),
        _REASONS,
        _HALF_LIFE_SECONDS,
        KEPT_SECONDS,
        live_items.sensitive,
        model.neighbour_arrays(ItemSlate.SIMILAR),
        model.appeal,
        model.intervals,
    )
    if has_history:
        bought = bought[:0] if known_until is None else _just_bought(events, now_seconds)
    return RecentInterest(voted, shares, bought) if voters or len(bought) else None


def reranked(own: Candidates, interest: RecentInterest, *, adds_items: bool) -> Candidates:
    """Return a customer's list, reranked by recent events, best first.

    `adds_items`: voted items that are not on the list may enter.
    """
    reason_items = own.reason_items
    return Candidates(
        *rerank.run(
            own.items,
            own.reasons,
            np.full(len(own), UNKNOWN_ROW, np.int32) if reason_items is None else reason_items,
            interest.bought,
            _DUE,
            _POPULAR,
            interest.voted,
            interest.shares,
            adds_items,
        )
    )


def _events_of(live_items: LiveItems, entries: Sequence[bytes]) -> Array:
    items, text = live_items.model.items, b"\n".join(entries)
    events = read_events.run(text, _LETTERS, items.index)
    if live_items.has_items_outside_model:
        fill_catalogue_rows(live_items, events, text)
    return events


def _just_bought(events: Array, now_seconds: float) -> Array:
    """Return the items of the latest purchases, all on cooldown: a history ranks them high."""
    is_new = (events[:, KIND] == _PURCHASED) & (events[:, ROW] != UNKNOWN_ROW)
    is_new &= events[:, SECONDS] > now_seconds - JUST_BOUGHT_SECONDS
    rows = np.unique(events[is_new, ROW])
    return np.column_stack([rows, np.ones_like(rows)])


def fill_catalogue_rows(live_items: LiveItems, events: Array, text: bytes) -> None:
    """Fill in the rows of items outside the model that the catalogue knows."""
    for place in (events[:, ROW] == UNKNOWN_ROW).nonzero()[0].tolist():
        start, stop = events[place, START], events[place, STOP]
        row = live_items.row(text[start:stop].decode(errors="replace"))
        if row is not None:
            events[place, ROW] = row


@lru_cache(8)
def _without_purchases(weights: EventWeights) -> EventWeights:
    return replace(weights, purchase=0.0)


@lru_cache(8)
def _array_of(weights: EventWeights) -> Array:
    """Return the weights in the order of the kinds."""
    return np.array([weights.of(kind) for kind in _KINDS])


_KINDS = (  # a purchase last: `weigh` identifies it by that
    RecentKind.VIEW,
    RecentKind.ADD_TO_CART,
    RecentKind.REMOVE_FROM_CART,
    RecentKind.PURCHASE,
)
_REMOVED = _KINDS.index(RecentKind.REMOVE_FROM_CART)
_PURCHASED = _KINDS.index(RecentKind.PURCHASE)
_LETTERS = "".join(_KINDS).encode()
_HALF_LIFE_SECONDS = HALF_LIFE_DAYS * SECONDS_PER_DAY
_VIEWED, _BOUGHT = ReasonCode.BECAUSE_YOU_VIEWED, ReasonCode.BECAUSE_YOU_BOUGHT
# A removal has no weight, so its reason is never used.
_REASONS = np.array([_VIEWED, _VIEWED, _VIEWED, _BOUGHT], np.uint8)
_DUE, _POPULAR = int(ReasonCode.BUY_AGAIN_DUE), int(ReasonCode.POPULAR)
