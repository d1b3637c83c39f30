"""Repurchase rates of items: counted purchases, shrinking, items of few customers."""

from dataclasses import replace

import numpy as np

from tests.unit.training.builders import Line, history
from training.lists.repurchase_rates import repurchase_odds


def weekly_milk() -> list[Line]:
    """Thirty customers buy milk every week and a pan once."""
    customers = [f"c{number:02d}" for number in range(30)]
    return [
        *[(customer, "milk", float(day)) for customer in customers for day in range(0, 70, 7)],
        *[(customer, "pan", 3.0) for customer in customers],
    ]


def test_an_item_that_is_bought_again_has_higher_odds() -> None:
    shop = history(weekly_milk())
    milk, pan = repurchase_odds(shop, 10.0, np.ones(2, bool))

    assert milk > 2 > 0 > pan


def test_an_item_of_few_customers_has_the_rate_of_its_category() -> None:
    """Its own purchases change nothing."""
    rare = [*weekly_milk(), *[("c00", "rye", float(day)) for day in range(0, 70, 7)]]
    shop = replace(history(rare), categories=np.array([0, 1, 1]))
    shown = np.array([True, True, False])
    fewer = replace(history([*weekly_milk(), ("c00", "rye", 63.0)]), categories=shop.categories)

    assert repurchase_odds(shop, 10.0, shown)[2] == repurchase_odds(fewer, 10.0, shown)[2]


def test_the_last_horizon_does_not_count() -> None:
    """A purchase in it could not be followed yet."""
    milk = history([(f"c{number}", "milk", day) for number in range(9) for day in (0.0, 90.0)])

    assert repurchase_odds(milk, 10.0, np.ones(1, bool))[0] < 0
