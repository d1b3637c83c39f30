"""Ranking from a purchase history: known votes, ages and popularity."""

import math

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recsvc.model.kernels.kernels import (
    LEAST_PER_ITEM,
    MAX_FOLDED,
    UNKNOWN_ROW,
    USUAL_INTERVAL_DAYS,
    HistoryArrays,
    fold_in,
    history_reasons,
)
from recsvc.model.registry.history_arrays import DEFAULT_COEFFICIENTS, in_columns

# Item 0 votes for 1 (most) and 2; item 3 votes against 4.
MODEL = in_columns(
    np.array([0, 2, 2, 2, 3, 3, 3]),
    np.array([1, 2, 4], np.int32),
    np.array([0.4, 0.2, -0.3], np.float32),
    np.full(6, -1, np.float32),
    np.full(6, -4, np.float32),
    DEFAULT_COEFFICIENTS,
)
INTERVALS = np.full(6, 10, np.float32)
POPULAR = np.array([5, 4, 0], np.int32)


def ranked(
    rows: list[int],
    *,
    times: list[int] | None = None,
    ages: list[float] | None = None,
    own: bool = True,
    new: bool = True,
    most: int = 10,
) -> tuple[list[int], list[int], list[float]]:
    items, chances, because = fold_in.run(
        np.array(rows, np.int64),
        np.array(times or [1] * len(rows), np.int64),
        np.array(ages or [1.0] * len(rows), np.float64),
        MODEL,
        INTERVALS,
        POPULAR,
        own,
        new,
        most,
    )
    return items.tolist(), because.tolist(), chances.tolist()


def test_items_with_votes_come_before_popular_items() -> None:
    """The largest vote comes first and names its voter; the bought item is not shown."""
    items, because, _ = ranked([0], own=False)

    assert items == [1, 2, 4, 5]
    assert because == [0, 0, UNKNOWN_ROW, UNKNOWN_ROW]


def test_bought_items_rank_by_times_and_age() -> None:
    """More purchases rank higher, older ones lower; no other item enters."""
    items, because, _ = ranked([0, 3, 2], times=[1, 4, 4], ages=[1, 1, 90], new=False)

    assert items[0] == 3
    assert sorted(items) == [0, 2, 3]
    assert because == [UNKNOWN_ROW] * 3


def test_scores_are_chances_in_descending_order() -> None:
    """Bought items, voted items and popular items have scores on one scale."""
    _, _, chances = ranked([0, 3])

    assert chances == sorted(chances, reverse=True)
    assert all(0 < chance < 1 for chance in chances)


def test_a_bought_item_outside_the_model_takes_part() -> None:
    """It has no weights; it is ranked as an item that is rarely bought again."""
    items, _, _ = ranked([0, 17], new=False)

    assert sorted(items) == [0, 17]


def test_an_item_occurs_once_and_at_most_most_items_are_returned() -> None:
    """Popular items that were bought or voted for are not repeated."""
    items, _, _ = ranked([0, 3], most=3)

    assert len(items) == 3
    assert len(set(items)) == 3


@st.composite
def histories(draw: st.DrawFn) -> tuple[HistoryArrays, list[int], list[int], list[float]]:
    """Draw a small model and a history; rows of 12 and above are outside the model."""
    size = 12
    lists = draw(
        st.lists(
            st.dictionaries(st.integers(0, size - 1), st.floats(-1, 1, width=32), max_size=5),
            min_size=size,
            max_size=size,
        )
    )
    offsets = np.cumsum([0, *map(len, lists)])
    items = np.array([item for each in lists for item in each], np.int32)
    weights = np.array([weight for each in lists for weight in each.values()], np.float32)
    numbers = st.lists(st.floats(-4, 1, width=32), min_size=size, max_size=size)
    own, new = (np.array(draw(numbers), np.float32) for _ in range(2))
    rows = draw(st.lists(st.integers(0, size + 3), max_size=8, unique=True))
    times = draw(st.lists(st.integers(1, 9), min_size=len(rows), max_size=len(rows)))
    ages = draw(st.lists(st.floats(0, 170), min_size=len(rows), max_size=len(rows)))
    return in_columns(offsets, items, weights, own, new, DEFAULT_COEFFICIENTS), rows, times, ages


def reference(
    model: HistoryArrays,
    rows: list[int],
    times: list[int],
    ages: list[float],
    least_votes: float = 1e-4,
    most: int = len(POPULAR),
) -> dict[int, float]:
    """Return the chance of each item that takes part, by the formulas of the docstring.

    Without votes, the first `most` popular items take part. A long history reads fewer weights of
    each bought item, the first ones.
    """
    offsets, columns, weights, own, new, by, column_rows, *_ = model
    sums = dict.fromkeys(rows, 0.0)
    limit = max(LEAST_PER_ITEM, MAX_FOLDED // max(len(rows), 1))
    for row, bought in zip(rows, times, strict=True):
        if row < len(new):
            for entry in range(offsets[row], min(offsets[row] + limit, offsets[row + 1])):
                item = int(column_rows[columns[entry]])
                sums[item] = sums.get(item, 0.0) + math.log1p(bought) * float(weights[entry])
    odds: dict[int, float] = {}
    purchases = math.log1p(sum(times))
    for row, bought, age in zip(rows, times, ages, strict=True):
        votes = math.log1p(max(sums[row], 0) / by[12])
        aged, counted = math.log1p(age / by[10]), math.log(bought)
        interval = INTERVALS[row] if row < len(INTERVALS) else USUAL_INTERVAL_DAYS
        worth = own[row] if row < len(own) else by[11]
        worth += by[0] * counted + by[1] * aged + by[2] * counted * aged + by[4] * votes
        odds[row] = float(worth + by[3] * math.log1p(age / interval))
    voted = {
        item: total for item, total in sums.items() if item not in rows and abs(total) > least_votes
    }
    for item in {*voted, *POPULAR[:most].tolist()} - {*rows}:
        total = voted.get(item, 0.0)
        votes = math.log1p(max(total, 0) / by[12])
        per_vote = by[5] + by[6] * purchases + by[9] * new[item]
        odds[item] = float(
            new[item] + by[7] * purchases + per_vote * votes + by[8] * min(total, 0) / by[12]
        )
    return {item: 1 / (1 + math.exp(-each)) for item, each in odds.items()}


@given(histories())
def test_chances_equal_those_of_the_formulas(
    drawn: tuple[HistoryArrays, list[int], list[int], list[float]],
) -> None:
    """Each item has the chance of the formulas, up to the precision of float32 and the table."""
    model, rows, times, ages = drawn
    items, chances, _ = fold_in.run(
        np.array(rows, np.int64),
        np.array(times, np.int64),
        np.array(ages, np.float64),
        model,
        INTERVALS,
        POPULAR,
        True,
        True,
        40,
    )
    expected = reference(model, rows, times, ages)

    assert len(set(items.tolist())) == len(items)
    assert {*expected} <= {*items.tolist()}
    for item, chance in zip(items.tolist(), chances.tolist(), strict=True):
        if item in expected:
            assert abs(chance - expected[item]) < 0.005
    assert chances.tolist() == sorted(chances.tolist(), reverse=True)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 30, 200, 256, 257, 400]), st.integers(1, 60))
@example(seed=440, bought=1, most=1)
@settings(max_examples=25)
def test_the_first_of_a_long_history_have_the_best_chances(
    seed: int, bought: int, most: int
) -> None:
    """Above 256 items the kernel reads the first weights of each item only, and it keeps `most`."""
    model = large_model(seed)
    rng = np.random.default_rng([seed, 1])
    rows = rng.permutation(620)[:bought]  # some are outside the model
    times, ages = rng.integers(1, 10, bought), rng.uniform(0, 170, bought)

    items, chances, _ = fold_in.run(rows, times, ages, model, INTERVALS, POPULAR, True, True, most)
    expected = reference(model, rows.tolist(), times.tolist(), ages.tolist(), 0, most)
    best = sorted(expected.values(), reverse=True)[:most]

    assert len(set(items.tolist())) == len(items) == len(best)
    np.testing.assert_allclose(chances, best, atol=0.005)
    for item, chance in zip(items.tolist(), chances.tolist(), strict=True):
        assert abs(chance - expected[item]) < 0.005


def large_model(seed: int) -> HistoryArrays:
    """Return 600 items, each with up to 100 weights of others."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 101, 600)
    items = np.concatenate([rng.permutation(600)[:length] for length in lengths])
    weights = rng.normal(0, 0.2, len(items)).astype(np.float32)
    own, new = (rng.uniform(-4, 1, 600).astype(np.float32) for _ in range(2))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return in_columns(offsets, items.astype(np.int32), weights, own, new, DEFAULT_COEFFICIENTS)


def test_reasons_tell_bought_items_voted_items_and_others_apart() -> None:
    """A bought item has its reason also where it has a voter; rows of any size are found."""
    items = np.array([7, 70_000, 3, 1], np.int32)
    because = np.array([UNKNOWN_ROW, UNKNOWN_ROW, 9, UNKNOWN_ROW], np.int32)

    reasons = history_reasons.run(items, because, np.array([9, 70_000, 1]), 2, 3, 0)

    assert reasons.tolist() == [0, 3, 2, 3]
