"""The search for constants of the base models on the newest past window."""

import numpy as np
import pytest

from tests.unit.training.builders import Line, history, quick, two_tastes
from training.dataset.history import History
from training.progress import SILENT
from training.recommenders.constants import Constants
from training.selection.constants_search import FIELDS, FoundConstants, best_place, search_constants


def tastes_among_best_sellers(customers: int = 400, seed: int = 5) -> History:
    """A shop without repeats: each customer buys from one group of items, and best sellers."""
    rng = np.random.default_rng(seed)
    bought: list[Line] = []
    for customer in range(customers):
        own = rng.choice(8, 6, replace=False)
        taste = customer % 25
        items = [f"taste-{taste}-{item}" for item in own]
        items += [f"best-{item}" for item in range(30) if rng.random() < 0.4]
        days = rng.uniform(0, 60, len(items))
        bought += [(f"c{customer}", item, day) for item, day in zip(items, days, strict=True)]
    return history(bought)


@pytest.fixture(scope="module")
def found() -> FoundConstants:
    return search_constants(tastes_among_best_sellers(), quick(), SILENT)


def test_a_shop_without_repeats_gets_its_own_penalty(found: FoundConstants) -> None:
    """A strong penalty ranks best sellers first; the search chooses a weaker one."""
    penalty = next(each for each in found.searched if each.name == "ease_penalty")

    assert found.constants.ease_penalty < Constants().ease_penalty
    assert float(penalty.chosen) == found.constants.ease_penalty
    assert penalty.values[0].gain.mean == 0


def test_constants_of_own_purchases_are_not_searched_without_repeats(found: FoundConstants) -> None:
    """`for_you` has no model of its own there, so nothing can choose its constants."""
    assert {each.slate for each in found.searched} == {"discover"}


def test_a_small_shop_keeps_the_defaults() -> None:
    """With too few customers in the window a difference would be chance."""
    kept = search_constants(history(two_tastes()), quick(), SILENT)

    assert FoundConstants(Constants(), ()) == kept


def test_only_a_clearly_better_value_replaces_the_default() -> None:
    """The gain must exceed two paired standard errors."""
    rng = np.random.default_rng(1)
    default = rng.random(200)
    noise = rng.normal(0, 0.1, 200)
    noise -= noise.mean()

    assert best_place(default, [default + noise + 0.01, default - 0.1]) == 0
    assert best_place(default, [default + noise + 0.03, default + noise + 0.05]) == 2


def test_every_searched_constant_exists() -> None:
    """A searched name is a field of `Constants`, and its default is not tried twice."""
    for field in FIELDS:
        assert getattr(Constants(), field.name) not in field.values
