"""Ranking from a purchase history: known votes, ages and popularity."""

import numpy as np

from recsvc.model.kernels.kernels import UNKNOWN_ROW, HistoryArrays, fold_in
from recsvc.model.registry.history_arrays import DEFAULT_COEFFICIENTS

# Item 0 votes for 1 (most) and 2; item 3 votes against 4.
MODEL: HistoryArrays = (
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
