"""Returns cancel purchases from their own time on."""

from collections.abc import Sequence

import polars as pl
import pytest

from tests.unit.training.builders import Line, lines
from training.dataset.history import History
from training.dataset.interactions import from_lines
from training.sources.returns import net

# Quantities and days of one customer and item, and which purchases are undone on which day.
CASES: dict[str, tuple[list[tuple[float, float]], list[float | None]]] = {
    "all of it": ([(2, 0), (-2, 5)], [5]),
    "a part": ([(3, 0), (-1, 5)], [None]),
    "the rest later": ([(3, 0), (-1, 5), (-2, 9)], [9]),
    "bought again": ([(1, 0), (-1, 5), (1, 9)], [5, None]),
    "before it was bought": ([(-4, 0), (1, 9)], [None]),
    "more than was bought": ([(1, 0), (-4, 5), (1, 9), (1, 10), (-2, 11)], [5, 11, 11]),
    "a part after too much": ([(1, 0), (-4, 5), (3, 9), (-1, 11)], [5, None]),
    "on the same day": ([(-1, 3), (1, 3)], [3]),
    "an exchange": ([(1, 0), (-1, 3), (1, 3)], [None, None]),
    "weighed": ([(0.1, 0), (0.2, 1), (-0.3, 2)], [2, 2]),
}


def of_one(sold: Sequence[tuple[float, float]]) -> pl.DataFrame:
    return lines([("c", "i", day) for _, day in sold], quantity=[units for units, _ in sold])


@pytest.mark.parametrize("case", CASES)
def test_a_return_undoes_what_was_bought_until_then(case: str) -> None:
    """A return cancels earlier purchases from its own time on, and no later ones."""
    sold, days = CASES[case]
    purchases = net(of_one(sold)).purchases
    zero = of_one([(1, 0)])["at"].dt.epoch("us")[0]
    found = [
        None if moment is None else (moment - zero) / 86_400_000_000
        for moment in purchases["returned"]
    ]

    assert found == days


def shop(*, timed: bool = True) -> History:
    """One customer buys `kept` four times, and `back` on the first day, to return it on day 6."""
    bought: list[Line] = [("c", "back", 0.0), ("c", "kept", 0.0)]
    bought += [("c", "kept", 3.0), ("c", "back", 6.0), ("c", "kept", 6.0), ("c", "kept", 9.0)]
    rows = lines(bought, quantity=[1.0, 1.0, 1.0, -1.0, 1.0, 1.0], order_id=list("aabxcd"))
    unknown = pl.lit(None, pl.Datetime("us", "UTC")).alias("at")
    return from_lines(
        net(rows if timed else rows.with_columns(unknown)).purchases, timed=timed
    ).history


def bought_before(history: History, day: float) -> list[tuple[int, int]]:
    known = history.before(day)
    return list(zip(known.orders.tolist(), known.items.tolist(), strict=True))


@pytest.mark.parametrize("timed", [True, False])
def test_a_past_that_ends_before_a_return_holds_the_purchase(timed: bool) -> None:
    """A history before the return contains the purchase, also when cut twice; a later one
    does not.
    """
    history = shop(timed=timed)
    days = sorted(set(history.days.tolist()))
    then = [(0, 0), (0, 1), (1, 1)]

    assert bought_before(history, history.now) == [(0, 1), (1, 1), (2, 1), (3, 1)]
    assert bought_before(history, days[1] + 0.001) == (then if timed else [(0, 1), (1, 1)])
    assert bought_before(history.before(history.now), days[1]) == then[:2]
    assert bought_before(history.before(days[3]).before(days[2]), days[1]) == then[:2]
    assert history.between(days[0], days[1]).items.tolist() == [0, 1]
    assert history.between(days[0], days[3]).items.tolist() == [1, 1, 1]


def test_the_last_return_is_before_now() -> None:
    """The history ends after the last return, also if nothing else remains of the customer."""
    history = from_lines(net(of_one([(1, 0), (-1, 40)])).purchases, timed=True).history

    assert len(history.items) == 0
    assert history.before(history.now - 1).items.tolist() == [0]
