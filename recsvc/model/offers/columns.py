"""All offers of a shop as columns, which a decision reads instead of objects.

Built once per change. Rows are in the generic order: higher priority first, then higher value, then
lower id. So ties need no sorting, and the offers of one priority are contiguous.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recsvc.domain.offers.offer import Offer
from recsvc.domain.values.ids import OfferId
from recsvc.model.artifact.format import Array
from recsvc.model.offers.coverage import CoverageIndex, CoveredItems, coverage_of, covered_rows
from recsvc.model.offers.eligibility import EligibilityTable, eligibility_table

_INT64 = np.iinfo(np.int64)
_UNLIMITED = np.iinfo(np.int64).max
NO_GROUP = -1


@dataclass(frozen=True, slots=True, eq=False)
class OfferColumns:
    offers: Sequence[Offer]
    items: CoveredItems
    covered: Sequence[Array]  # (offers,) rows of the items that each covers
    rows: Mapping[OfferId, int]
    tiers: Array  # (tiers, 2) first and last row + 1 of each priority
    starts_us: Array  # (offers,)
    ends_us: Array  # (offers,)
    excluded_by_channel: Mapping[str, Array]  # (offers,) bool, by channel: not valid in it
    has_channels: Array  # (offers,) bool: valid in some channels only
    personal: Array  # (offers,) bool: with eligibility or codes
    has_codes: Array  # (offers,) bool
    worth: Array  # (offers,) value of an acceptance to the shop
    groups: Array  # (offers,) number of the exclusive group
    is_fallback: Array  # (offers,) bool
    claim_caps: Mapping[OfferId, int]  # cap on claims per customer
    impression_caps: Mapping[OfferId, int]  # cap on impressions per customer
    total_shown: Array  # (offers,) cap; _UNLIMITED: none
    total_redeemed: Array  # (offers,) cap; _UNLIMITED: none
    eligibility: EligibilityTable
    coverage: CoverageIndex

    def __len__(self) -> int:
        return len(self.offers)

    def rows_of(self, offer_ids: Iterable[OfferId]) -> list[int]:
        rows = map(self.rows.get, offer_ids)
        return [row for row in rows if row is not None]


def columns_of(
    offers: Iterable[Offer], items: CoveredItems, before: OfferColumns | None = None
) -> OfferColumns:
    """Build the columns of offers with distinct ids.

    The covered items of offers that `before` contains are reused if the items are unchanged.
    """
    ordered = sorted(offers, key=_sort_key)
    covered = _covered_rows(ordered, items, before)
    channels = {channel for offer in ordered for channel in offer.channels}
    caps = [offer.caps for offer in ordered]
    return OfferColumns(
        offers=ordered,
        items=items,
        covered=covered,
        rows={offer.offer_id: row for row, offer in enumerate(ordered)},
        tiers=_tiers([offer.priority for offer in ordered]),
        starts_us=_int_column([offer.starts_at_us for offer in ordered], _INT64.min),
        ends_us=_int_column([offer.ends_at_us for offer in ordered], _INT64.max),
        excluded_by_channel={
            channel: _excluded_from_channel(channel, ordered) for channel in channels
        },
        has_channels=_bool_column(bool(offer.channels) for offer in ordered),
        personal=_bool_column(not offer.is_generic for offer in ordered),
        has_codes=_bool_column(bool(offer.codes) for offer in ordered),
        worth=np.array([worth_of(offer) for offer in ordered], dtype=np.float64),
        groups=_groups(ordered),
        is_fallback=_bool_column(offer.fallback for offer in ordered),
        claim_caps={
            offer.offer_id: offer.caps.per_customer.limit
            for offer in ordered
            if offer.caps.per_customer is not None
        },
        impression_caps={
            offer.offer_id: offer.caps.per_customer_shown.limit
            for offer in ordered
            if offer.caps.per_customer_shown is not None
        },
        total_shown=_int_column([cap.total_shown for cap in caps], _UNLIMITED),
        total_redeemed=_int_column([cap.total_redeemed for cap in caps], _UNLIMITED),
        eligibility=eligibility_table(ordered, items),
        coverage=coverage_of(ordered, covered, items),
    )


def _covered_rows(
    offers: Sequence[Offer], items: CoveredItems, before: OfferColumns | None
) -> list[Array]:
    if before is None or before.items is not items:
        return [covered_rows(offer, items) for offer in offers]
    known = {id(offer): rows for offer, rows in zip(before.offers, before.covered, strict=True)}
    return [
        covered_rows(offer, items) if id(offer) not in known else known[id(offer)]
        for offer in offers
    ]


def worth_of(offer: Offer) -> float:
    """Return the value of an acceptance to the shop: weight × margin.

    `value` is not used: kinds have no common unit. It only orders offers that are otherwise equal.
    """
    return offer.weight * (1.0 if offer.margin is None else offer.margin)


def _sort_key(offer: Offer) -> tuple[int, float, bytes]:
    value = 0.0 if offer.value is None else offer.value
    return -offer.priority, -value, offer.offer_id.encode()


def _tiers(priorities: Sequence[int]) -> Array:
    begins = [
        row for row, priority in enumerate(priorities) if not row or priority != priorities[row - 1]
    ]
    ends = [*begins[1:], len(priorities)] if begins else []
    return np.array([begins, ends], dtype=np.int64).T.copy()


def _int_column(values: Sequence[int | None], none: int) -> Array:
    return np.array([none if value is None else value for value in values], dtype=np.int64)


def _bool_column(values: Iterable[bool]) -> Array:
    return np.fromiter(values, dtype=bool)


def _excluded_from_channel(channel: str, offers: Sequence[Offer]) -> Array:
    return _bool_column(bool(offer.channels) and channel not in offer.channels for offer in offers)


def _groups(offers: Sequence[Offer]) -> Array:
    numbers: dict[str, int] = {}
    found = [
        NO_GROUP
        if offer.exclusive_group is None
        else numbers.setdefault(offer.exclusive_group, len(numbers))
        for offer in offers
    ]
    return np.array(found, dtype=np.int64)
