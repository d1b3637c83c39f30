"""Scores for customers outside the model: what is learned, and from whom."""

from dataclasses import replace

import numpy as np
import pytest

from recsvc.model.kernels.kernels import fold_in
from recsvc.model.registry.history_arrays import in_columns
from tests.unit.training.builders import Line, history
from training.dataset.history import History
from training.lists.history_scores import (
    FactsOfHistories,
    _new_columns,
    _own_columns,
    _votes,
    fit_coefficients,
    fit_history_scores,
    hidden_customers,
)
from training.lists.told_purchases import told_purchases

HORIZON = 10.0
NOBODY = np.zeros(0, np.int64)


def loyal_shop(customers: int = 240, days: int = 60) -> list[Line]:
    """Each customer buys the same three items of a taste every five days, and a new one of the
    taste every ten.
    """
    rng = np.random.default_rng(11)
    bought: list[Line] = []
    for customer in range(customers):
        taste = rng.permutation([f"{'ab'[customer % 2]}{item:02d}" for item in range(24)])
        for visit, day in enumerate(range(0, days, 5)):
            basket = [*taste[:3], taste[3 + visit // 2]]
            bought += [(f"c{customer:03d}", item, day + customer / 1000) for item in basket]
    return bought


@pytest.fixture(scope="module")
def shop() -> History:
    return history(loyal_shop())


def facts(k_anonymity: int = 5) -> FactsOfHistories:
    return FactsOfHistories(k_anonymity, 10.0)


def test_own_items_that_are_bought_often_and_lately_are_worth_more(shop: History) -> None:
    """The coefficient of the times is positive, and that of the age negative."""
    found = fit_coefficients(shop, HORIZON, facts(), seed=0)

    assert found is not None
    assert found.own[0] > 0 > found.own[1]


def test_votes_of_the_history_raise_new_items(shop: History) -> None:
    """Customers buy new items of their taste, which the weights of their items name."""
    found = fit_coefficients(shop, HORIZON, facts(), seed=0)

    assert found is not None
    assert found.new[0] + found.new[4] * np.log1p(10) > 0


def test_equal_purchases_give_equal_bytes(shop: History) -> None:
    """The order of rows does not matter, and no draw depends on anything but the seed."""
    other = history(loyal_shop()[::-1])

    one, same = (fit_history_scores(each, HORIZON, facts(), seed=4) for each in (shop, other))

    assert one is not None
    assert same is not None
    for name in ("own", "new", "coefficients"):
        assert getattr(one, name).tobytes() == getattr(same, name).tobytes()
    assert one.weights.scores.tobytes() == same.weights.scores.tobytes()


def test_too_few_customers_teach_nothing() -> None:
    """Fewer than 30 hidden customers are too few."""
    assert fit_history_scores(history(loyal_shop(customers=100)), HORIZON, facts(), 0) is None


def test_a_shop_without_times_teaches_nothing(shop: History) -> None:
    """Without times there is no age of a purchase."""
    assert fit_coefficients(replace(shop, timed=False), HORIZON, facts(), 0) is None


def test_hidden_customers_are_a_fifth_of_the_candidates_at_most_400() -> None:
    """They are drawn by the seed, ascending."""
    few, many = (hidden_customers(np.arange(count), seed=1) for count in (50, 5000))

    assert (len(few), len(many)) == (10, 400)
    assert (np.diff(many) > 0).all()
    assert hidden_customers(np.arange(50), seed=1).tolist() == few.tolist()


def test_facts_are_fitted_once_for_a_history_and_its_hidden_customers(shop: History) -> None:
    """Learning and judging of one window share them; other hidden customers have others."""
    fitted, hidden = facts(), np.array([3, 5])

    first = fitted.of(shop, hidden, HORIZON)

    assert fitted.of(shop, hidden, HORIZON) is first
    assert fitted.of(shop, NOBODY, HORIZON) is not first
    assert fitted.of(shop.before(40), hidden, HORIZON) is not first
    assert len(fitted) == 3


def test_nothing_is_learned_from_hidden_customers(shop: History) -> None:
    """The arrays are those of a shop that never had the hidden customers."""
    hidden = np.arange(0, 240, 16)
    without = shop.without(hidden)

    one = fit_history_scores(shop, HORIZON, facts(), 2, hidden)
    other = fit_history_scores(without, HORIZON, facts(), 2, hidden)

    assert one is not None
    assert other is not None
    assert one.weights.scores.tobytes() == other.weights.scores.tobytes()
    assert one.coefficients.tobytes() == other.coefficients.tobytes()
    assert one.new.tobytes() == other.new.tobytes()


def test_the_kernel_adds_up_what_was_learned(shop: History) -> None:
    """The chances of the kernel are those of the learned columns, for own and other items."""
    hidden, all_facts = hidden_customers(np.arange(shop.customers_total), 0)[:1], facts()
    found = fit_coefficients(shop.without(hidden), HORIZON, all_facts, 0, hidden)
    assert found is not None
    item_facts = all_facts.of(shop, hidden, HORIZON)
    scores = found.scores(item_facts)
    (told,) = told_purchases(shop, hidden, 3)
    votes = _votes(item_facts, told)
    columns = in_columns(
        scores.weights.offsets.astype(np.int64),
        scores.weights.items.astype(np.int32),
        scores.weights.scores.astype(np.float32),
        scores.own,
        scores.new,
        scores.coefficients,
    )
    items, chances, _ = fold_in.run(
        told.rows.astype(np.int64),
        told.times.astype(np.int64),
        told.ages,
        columns,
        item_facts.intervals.astype(np.float32),
        np.arange(shop.items_total, dtype=np.int32),
        True,
        True,
        200,
    )
    others = np.setdiff1d(items, told.rows)
    raw = _new_columns(item_facts, told, votes, others)
    worth = raw[:, 3:] @ found.worth + found.worth_base
    each = np.column_stack([raw[:, 0], raw[:, 1], worth, raw[:, 0] * worth])
    orders = raw[:, 2:3]
    new_odds = np.hstack([each, each * orders, orders]) @ found.new + found.new_base
    own_odds = _own_columns(item_facts, told, votes, HORIZON) @ found.own + found.own_base
    expected = dict(zip([*told.rows, *others], [*own_odds, *new_odds], strict=True))

    odds = np.log(chances) - np.log1p(-chances)
    assert len(others) > 5
    assert odds == pytest.approx([expected[item] for item in items.tolist()], abs=5e-3)
