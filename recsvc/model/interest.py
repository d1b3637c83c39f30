"""What recent events say of a customer: votes for what is near, and what rests after a purchase.

The latest items vote for their first neighbours, each with what its last event says; the sum over
an item's voters is its share.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from recsvc.domain.recent import SECONDS_PER_DAY, RecentEvent, RecentKind, weight
from recsvc.domain.slates import ReasonCode
from recsvc.model.assortment import Assortment
from recsvc.model.candidates import Candidates, Entry, Passing
from recsvc.model.format import NO_ITEM
from recsvc.model.loaded import LoadedModel
from recsvc.model.tally import MOST_VOTERS, NEAREST, share_of_loudest, tally

RESTING_SHARE = 0.5  # of an item's interval, during which it is not offered again
USUAL_INTERVAL_DAYS = 14.0  # of an item whose model says nothing of it

Seed = tuple[int, float, ReasonCode]  # item row, weight, reason


@dataclass(frozen=True, slots=True)
class Interest:
    """Item rows, and what is said of each. A share is what a place in a list is worth."""

    shares: Mapping[int, float]
    because: Mapping[int, tuple[ReasonCode, int]]  # the loudest voter for each
    bought: frozenset[int]  # all purchases
    resting: frozenset[int]  # of them, what was bought less than RESTING_SHARE of its interval ago
    due: Sequence[int]  # of them, what will be wanted again, the latest purchase first


def interest_of(
    assortment: Assortment, events: Sequence[RecentEvent], now_seconds: float
) -> Interest | None:
    """Weigh the events, the latest first; None when they say nothing of any item that is known.

    Only the latest event of an item has a vote. Of an item that is sensitive now nothing is said.
    """
    seeds: list[Seed] = []
    bought: dict[int, int] = {}
    met: set[int] = set()
    rows = assortment.rows([item_id for _, _, item_id in events])
    for (kind, at_seconds, _), row in zip(events, rows, strict=True):
        if row is None or row in assortment.sensitive:
            continue
        if kind == _PURCHASE and row not in bought:
            bought[row] = at_seconds
        if row not in met and len(seeds) < MOST_VOTERS:
            met.add(row)
            said = weight(kind, now_seconds - at_seconds)
            if said:
                seeds.append((row, said, _REASONS[kind]))
    if not seeds and not bought:
        return None
    shares, because = _votes(assortment.model, seeds)
    resting, due = _rest(assortment.model, bought, now_seconds)
    return Interest(shares, because, frozenset(bought), frozenset(resting), due)


class Steered:
    """A customer's own list with what recent events add to it, best first."""

    def __init__(self, own: Candidates, interest: Interest, *, newcomers: bool) -> None:
        """`newcomers`: what was not on the list, and has votes, may enter.

        An item is worth what its place in the list is, and its share of the votes. What is due
        again has a place behind the others.
        """
        items: list[int] = own.items.tolist()
        self._reasons, self._because = own.reasons.tolist(), _because(own)
        _append_due(items, self._reasons, self._because, interest.due)
        worth = list(_worth_of_places(len(items)))
        shares = interest.shares
        listed = shares.keys() & set(items)
        for row in listed:
            worth[items.index(row)] += shares[row]
        if newcomers:
            new = [row for row in shares if row not in listed]
            items += new
            worth += [shares[row] for row in new]
        self._items, self._worth, self._voters = items, worth, interest.because
        self._order = sorted(range(len(worth)), key=worth.__getitem__, reverse=True)

    def __len__(self) -> int:
        return len(self._order)

    def entries(self, start: int, stop: int) -> Iterator[Entry]:
        return map(self._entry, self._order[start:stop])

    def piece(self, start: int, stop: int, passing: Passing) -> Iterator[Entry]:
        places = self._order[start:stop]
        passes = passing(np.array([self._items[place] for place in places], dtype=np.int32))
        return (self._entry(places[number]) for number in passes.nonzero()[0].tolist())

    def _entry(self, place: int) -> Entry:
        row, worth = self._items[place], self._worth[place]
        if place < len(self._reasons):
            return row, worth, self._reasons[place], self._because[place]
        reason, voter = self._voters[row]
        return row, worth, reason, voter


def _votes(
    model: LoadedModel, seeds: Sequence[Seed]
) -> tuple[dict[int, float], dict[int, tuple[ReasonCode, int]]]:
    """Count the votes; the greatest sum gets its share, and the others theirs in proportion."""
    heard = [seed for seed in seeds if seed[0] < len(model.items)]  # the others have no neighbours
    if not heard:
        return {}, {}
    said = np.array([weight for _, weight, _ in heard])
    items, near, voters = model.nearest(np.array([row for row, _, _ in heard]), NEAREST)
    counted = tally(items, said[voters] * near * model.appeal[items], voters)
    if not len(counted.items):
        return {}, {}
    rows = counted.items.tolist()
    scale = share_of_loudest(said) / counted.sums[0]
    reasons = [(reason, row) for row, _, reason in heard]
    shares = (counted.sums * scale).tolist()
    loudest = map(reasons.__getitem__, counted.loudest.tolist())
    return dict(zip(rows, shares, strict=True)), dict(zip(rows, loudest, strict=True))


def _rest(
    model: LoadedModel, bought: Mapping[int, int], now_seconds: float
) -> tuple[list[int], list[int]]:
    """Tell what rests after its purchase from what is due again."""
    resting: list[int] = []
    due: list[int] = []
    for row, at_seconds in bought.items():
        age_days = (now_seconds - at_seconds) / SECONDS_PER_DAY
        interval = model.interval_days(row) if row < len(model.items) else None
        if interval is None:
            interval = USUAL_INTERVAL_DAYS
        is_due = age_days >= RESTING_SHARE * interval  # never for NaN
        (due if is_due else resting).append(row)
    return resting, due


def _because(own: Candidates) -> list[int]:
    if own.reason_items is None:
        return [NO_ITEM] * len(own)
    reason_items: list[int] = own.reason_items.tolist()
    return reason_items


def _append_due(
    items: list[int], reasons: list[int], because: list[int], due: Sequence[int]
) -> None:
    for row in due:
        if row not in items:
            items.append(row)
            reasons.append(ReasonCode.BUY_AGAIN_DUE)
            because.append(NO_ITEM)


@lru_cache(256)
def _worth_of_places(length: int) -> tuple[float, ...]:
    """Return what each place of a list is worth, as NDCG discounts it: 1, 0.63, 0.5, …"""
    return tuple(1 / math.log2(place + 2) for place in range(length))


_PURCHASE = RecentKind.PURCHASE  # looking a member up costs more than comparing
_REASONS = {
    RecentKind.PURCHASE: ReasonCode.BECAUSE_YOU_BOUGHT,
    RecentKind.ADD_TO_CART: ReasonCode.BECAUSE_YOU_VIEWED,
    RecentKind.REMOVE_FROM_CART: ReasonCode.BECAUSE_YOU_VIEWED,  # says nothing, and is never one
    RecentKind.VIEW: ReasonCode.BECAUSE_YOU_VIEWED,
}
