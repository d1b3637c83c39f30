"""The compiled kernels of offer decisions equal the same computation in plain Python."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsvc.model.artifact.format import Array
from recsvc.model.offers import kernels
from recsvc.model.offers.kernels import MIN_TOTAL, NO_GROUP, NONE, POPULARITY_SHARE

ITEMS, CATEGORIES, OFFERS = 10, 4, 6

weights = st.sampled_from([0.0, 0.25, 0.5, 1.0, 3.0]) | st.floats(0, 1e6)
# Includes rows that are newer than the index.
spent = st.dictionaries(st.integers(0, ITEMS + 2), weights, max_size=8)
covered = st.lists(st.sets(st.integers(0, OFFERS - 1)), min_size=ITEMS, max_size=ITEMS)
shares = st.lists(
    st.dictionaries(st.integers(0, OFFERS - 1), st.floats(0, 1)),
    min_size=CATEGORIES,
    max_size=CATEGORIES,
)
fractions = st.lists(st.floats(0, 1), min_size=OFFERS, max_size=OFFERS)
rates = st.lists(st.floats(0.001, 0.999), min_size=OFFERS, max_size=OFFERS)
flags = st.lists(st.booleans(), min_size=OFFERS, max_size=OFFERS)


def of_numbers(given: dict[int, float]) -> tuple[Array, Array]:
    return np.array(list(given), np.int64), np.array(list(given.values()), np.float64)


@given(
    known=st.dictionaries(st.integers(0, ITEMS - 1), st.floats(0, 100, width=32), max_size=8),
    recent=st.lists(st.tuples(st.integers(-2, ITEMS + 2), st.floats(0, 100)), max_size=8),
    sensitive=st.sets(st.integers(0, ITEMS - 1)),
)
def test_purchases_are_merged_as_in_plain_python(
    known: dict[int, float], recent: list[tuple[int, float]], sensitive: set[int]
) -> None:
    """Repeated purchases are summed; sensitive and unknown items are left out."""
    expected = {row: weight for row, weight in known.items() if row not in sensitive}
    for row, weight in recent:
        if 0 <= row < ITEMS and row not in sensitive:
            expected[row] = expected.get(row, 0.0) + weight

    items, old_weights = of_numbers(known)
    rows, sums = kernels.merge_purchases.run(
        items.astype(np.int32),
        old_weights.astype(np.float32),
        np.isin(np.arange(ITEMS), list(sensitive)),
        np.array([row for row, _ in recent], np.int64),
        np.array([weight for _, weight in recent], np.float64),
    )
    assert rows.tolist() == list(expected)
    assert sums.tolist() == pytest.approx(list(expected.values()))


@given(bought=spent, codes=st.lists(st.integers(-1, 5), min_size=ITEMS, max_size=ITEMS))
def test_categories_are_summed_as_in_plain_python(
    bought: dict[int, float], codes: list[int]
) -> None:
    """Weights are summed by known category, in ascending order, without zero sums."""
    expected: dict[int, float] = {}
    for row, weight in bought.items():
        if row < ITEMS and codes[row] >= 0:
            expected[codes[row]] = expected.get(codes[row], 0.0) + weight
    expected = {code: expected[code] for code in sorted(expected) if expected[code]}

    found, sums = kernels.sum_by_category.run(*of_numbers(bought), np.array(codes, np.int32))
    assert found.tolist() == list(expected)
    assert sums.tolist() == pytest.approx(list(expected.values()))


def postings(touched: Sequence[dict[int, float]]) -> tuple[Array, Array, Array]:
    """Return the offsets of each row, the offers and their shares."""
    offers = [offer for row in touched for offer in row]
    each = [share for row in touched for share in row.values()]
    offsets = np.cumsum([0, *map(len, touched)], dtype=np.int64)
    return offsets, np.array(offers, np.int32), np.array(each, np.float64)


def reached(touched: Sequence[dict[int, float]], given: dict[int, float]) -> tuple[Array, float]:
    """Return the weight that reaches each offer, and the total weight."""
    known = {row: weight for row, weight in given.items() if row < len(touched)}
    table = np.zeros((len(touched), OFFERS))
    for row, each in enumerate(touched):
        table[row, list(each)] = list(each.values())
    vector = np.array([known.get(row, 0.0) for row in range(len(touched))])
    return vector @ table, sum(known.values())


@given(
    covers=covered,
    parts=shares,
    bought=spent,
    categories=st.dictionaries(st.integers(0, CATEGORIES), weights, max_size=4),
    covers_all=flags,
    specificity=fractions,
    popularity=fractions,
    rate=rates,
    worth=fractions,
)
def test_offers_are_scored_as_in_plain_numpy(
    covers: list[set[int]],
    parts: list[dict[int, float]],
    bought: dict[int, float],
    categories: dict[int, float],
    covers_all: list[bool],
    specificity: list[float],
    popularity: list[float],
    rate: list[float],
    worth: list[float],
) -> None:
    """Share of spend, lift, probability and worth equal a dense computation."""
    items = [dict.fromkeys(sorted(offers), 1.0) for offers in covers]
    spend_share, whole = reached(items, bought)
    if not spend_share.any():
        spend_share, whole = reached(parts, categories)
    spend_share = (
        np.where(covers_all, 1.0, spend_share / whole) if whole > MIN_TOTAL else np.zeros(OFFERS)
    )
    lift = spend_share * np.array(specificity) + POPULARITY_SHARE * np.array(popularity)
    lift = lift / lift.mean() if lift.mean() > 0 else np.ones(OFFERS)
    probability = 1.0 - (1.0 - np.array(rate)) ** lift

    offsets, offers, _ = postings(items)
    found = kernels.score_offers.run(
        *of_numbers(bought),
        offsets,
        offers,
        np.zeros(0),
        *of_numbers(categories),
        *postings(parts),
        np.array(covers_all),
        np.array(specificity),
        np.array(popularity),
        np.log1p(-np.array(rate)),
        np.array(worth),
    )
    assert found[0].tolist() == pytest.approx(spend_share.tolist(), rel=1e-9, abs=1e-12)
    assert found[1].tolist() == pytest.approx(lift.tolist(), rel=1e-6, abs=1e-12)
    assert found[2].tolist() == pytest.approx(probability.tolist(), rel=1e-6, abs=1e-9)
    assert found[3].tolist() == pytest.approx((probability * worth).tolist(), rel=1e-6, abs=1e-9)
    assert found[4].tolist() == [top_purchases(items, bought, offer) for offer in range(OFFERS)]


def top_purchases(items: list[dict[int, float]], bought: dict[int, float], offer: int) -> int:
    """Return the row with the greatest weight for an offer, of ties the last."""
    contributors = [
        (weight, place, row)
        for place, (row, weight) in enumerate(bought.items())
        if row < ITEMS and weight > 0 and offer in items[row]
    ]
    return max(contributors)[2] if contributors else NONE


@given(
    listed=st.lists(
        st.tuples(
            st.integers(0, 2),  # tier
            st.sampled_from([0.0, 0.5, 1.0, 2.0]),  # value: equals are common
            st.sampled_from([NO_GROUP, NO_GROUP, 0, 1]),
            st.booleans(),  # permitted
            st.sampled_from([False, False, True]),  # fallback
        ),
        max_size=14,
    ),
    most=st.integers(1, 8),
)
def test_offers_are_chosen_as_in_plain_python(
    listed: list[tuple[int, float, int, bool, bool]], most: int
) -> None:
    """Rows are chosen by tier and value, one per group; fallbacks only alone."""
    rows = sorted(listed, key=lambda each: each[0])
    tiers, value, groups, permitted, fallback = (
        [each[place] for each in rows] for place in range(5)
    )
    expected: list[int] = []
    for is_fallback in (False, True):
        for row in sorted(range(len(rows)), key=lambda row: (tiers[row], -value[row], row)):
            taken = {groups[each] for each in expected} - {NO_GROUP}
            is_free = groups[row] not in taken and len(expected) < most
            if permitted[row] and fallback[row] is is_fallback and is_free:
                expected.append(row)
        if expected:
            break

    ends = [0, *(place for place in range(1, len(rows)) if tiers[place] != tiers[place - 1])]
    pieces = list(pairwise([*ends, len(rows)])) if rows else []
    found = kernels.choose_offers.run(
        np.array(permitted, bool),
        np.array(fallback, bool),
        np.array(pieces, np.int64).reshape(-1, 2),
        np.array(groups, np.int64),
        np.array(value, np.float64),
        most,
    )
    assert found.tolist() == expected


@given(
    limits=st.lists(
        st.lists(
            st.tuples(
                st.sampled_from([-np.inf, 0.0, 1.0, 2.0]), st.sampled_from([np.inf, 0.0, 1.0, 2.0])
            ),
            min_size=OFFERS,
            max_size=OFFERS,
        ),
        max_size=3,
    ),
    values=st.lists(st.sampled_from([np.nan, -1.0, 0.0, 1.0, 3.0]), min_size=3, max_size=3),
)
def test_limits_are_checked_as_in_plain_python(
    limits: list[list[tuple[float, float]]], values: list[float]
) -> None:
    """Limits are inclusive; an unknown value meets none, and an absent limit is always met."""
    expected = [
        any(
            not low <= value <= high
            for each, value in zip(limits, values, strict=False)
            for low, high in [each[offer]]
            if (low, high) != (-np.inf, np.inf)
        )
        for offer in range(OFFERS)
    ]

    table = np.array(limits, np.float64).reshape(len(limits), OFFERS, 2)
    found = kernels.limits_unmet.run(
        np.ascontiguousarray(table[:, :, 0]),
        np.ascontiguousarray(table[:, :, 1]),
        np.array(values[: len(limits)], np.float64),
    )
    assert found.tolist() == expected
